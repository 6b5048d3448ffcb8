/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */

#include "fuzz.h"
#include "ws/ws_reader.h"

#define MESSAGE_MAX 1024

/* What a client sends, cut where the first byte says; whatever it is, little stays and little is answered. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        struct ws_reader *reader = NULL;
        struct buf reply = BUF_EMPTY;
        unsigned code = 0;
        size_t cut = size > 0 ? data[0] % 16U + 1 : 1;
        int r = 0;

        for (size_t i = 1; i < size && r == 0; i += cut) {
                size_t n = size - i < cut ? size - i : cut;

                r = ws_reader_feed(&reader, MESSAGE_MAX, data + i, n, &reply, &code);
                fuzz_check(r >= 0);
        }
        if (r == 1)
                fuzz_check(code >= 1000 && code < 5000 && buf_size(&reply) >= 2);
        fuzz_check(buf_size(&reply) <= size + 256);
        ws_reader_free(reader);
        buf_done(&reply);
        return 0;
}
