/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */

#include "base/base64.h"

void base64_encode(struct buf *out, const void *p, size_t n)
{
        static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
        const unsigned char *in = p;

        for (; n > 0; in += 3, n -= n < 3 ? n : 3) {
                uint32_t word =
                        (uint32_t)in[0] << 16 | (n > 1 ? (uint32_t)in[1] << 8 : 0) | (n > 2 ? in[2] : 0U);

                buf_append_char(out, digits[word >> 18]);
                buf_append_char(out, digits[word >> 12 & 63]);
                buf_append_char(out, n > 1 ? digits[word >> 6 & 63] : '=');
                buf_append_char(out, n > 2 ? digits[word & 63] : '=');
        }
}
