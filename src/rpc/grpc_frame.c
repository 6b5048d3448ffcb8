/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */

#include <errno.h>
#include <stdio.h>

#include "base/parse.h"
#include "base/str.h"
#include "rpc/grpc_frame.h"

#define TIMEOUT_DIGITS_MAX 8
#define TIMEOUT_VALUE_MAX 99999999
#define NAME_MAX_BYTES 64

/* ---- Length-Prefixed-Message ---- */

int grpc_prefix_decode(const void *p, size_t n, struct grpc_prefix *ret)
{
        const uint8_t *b = p;

        if (n < GRPC_PREFIX_BYTES)
                return -EAGAIN;
        if (b[0] > 1)
                return -EBADMSG;
        ret->is_compressed = b[0] == 1;
        ret->size = (uint32_t)b[1] << 24 | (uint32_t)b[2] << 16 | (uint32_t)b[3] << 8 | (uint32_t)b[4];
        return 0;
}

void grpc_prefix_encode(uint32_t size, uint8_t out[GRPC_PREFIX_BYTES])
{
        out[0] = 0;
        out[1] = (uint8_t)(size >> 24);
        out[2] = (uint8_t)(size >> 16);
        out[3] = (uint8_t)(size >> 8);
        out[4] = (uint8_t)size;
}

/* ---- Headers ---- */

/* Coarse to fine, so that the encoder finds the finest that takes the value from the other end. */
static const struct {
        char name;
        usec_t usec;
} units[] = {
        {'H', 3600 * USEC_PER_SEC},
        {'M', 60 * USEC_PER_SEC},
        {'S', USEC_PER_SEC},
        {'m', USEC_PER_MSEC},
        {'u', 1},
};

int grpc_timeout_decode(const char *s, usec_t *ret)
{
        size_t n = strlen(s);
        char digits[TIMEOUT_DIGITS_MAX + 1];
        uint64_t value;

        if (n < 2 || n > TIMEOUT_DIGITS_MAX + 1)
                return -EINVAL;
        memcpy(digits, s, n - 1);
        digits[n - 1] = '\0';
        if (parse_u64(digits, 0, TIMEOUT_VALUE_MAX, &value) < 0)
                return -EINVAL;
        if (s[n - 1] == 'n') {
                *ret = (value + 999) / 1000;
                return 0;
        }
        for (size_t i = 0; i < ARRAY_SIZE(units); i++)
                if (units[i].name == s[n - 1]) {
                        *ret = value * units[i].usec;
                        return 0;
                }
        return -EINVAL;
}

void grpc_timeout_encode(usec_t timeout, char out[GRPC_TIMEOUT_SIZE])
{
        for (size_t i = ARRAY_SIZE(units); i-- > 0;)
                if (timeout / units[i].usec <= TIMEOUT_VALUE_MAX) {
                        (void)snprintf(out, GRPC_TIMEOUT_SIZE, "%u%c", (unsigned)(timeout / units[i].usec),
                                       units[i].name);
                        return;
                }
        (void)snprintf(out, GRPC_TIMEOUT_SIZE, "%uH", TIMEOUT_VALUE_MAX);
}

bool grpc_content_type_is_ours(const char *s)
{
        const char *rest = startswith(s, "application/grpc");
        const char *proto;

        if (!rest)
                return false;
        proto = startswith(rest, "+proto");
        if (proto)
                rest = proto;
        return *rest == '\0' || *rest == ';';
}

void grpc_message_encode(struct buf *out, const char *text)
{
        for (const char *p = text; *p; p++)
                if (*p >= 0x20 && *p <= 0x7e && *p != '%')
                        buf_append_char(out, *p);
                else
                        buf_printf(out, "%%%02X", (unsigned)(unsigned char)*p);
}

void grpc_message_decode(char *text)
{
        char *to = text;

        for (const char *from = text; *from; to++) {
                char byte;

                if (*from == '%' && from[1] && from[2] &&
                    hex_decode((const char[]){from[1], from[2], '\0'}, &byte, 1) == 0 && byte != '\0') {
                        *to = byte;
                        from += 3;
                } else
                        *to = *from++;
        }
        *to = '\0';
}

bool grpc_name_is_binary(const char *name)
{
        return endswith(name, "-bin");
}

bool grpc_name_is_valid(const char *name)
{
        size_t n = strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789_.-");

        return n > 0 && n <= NAME_MAX_BYTES && name[n] == '\0' && !startswith(name, "grpc-");
}

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

void grpc_base64_encode(struct buf *out, const void *p, size_t n)
{
        const uint8_t *b = p;

        for (size_t i = 0; i < n; i += 3) {
                size_t left = MIN_OF(n - i, (size_t)3);
                uint32_t bits = (uint32_t)b[i] << 16 | (left > 1 ? (uint32_t)b[i + 1] << 8 : 0) |
                                (left > 2 ? (uint32_t)b[i + 2] : 0);
                char text[4] = {alphabet[bits >> 18], alphabet[bits >> 12 & 63], alphabet[bits >> 6 & 63],
                                alphabet[bits & 63]};

                memset(text + left + 1, '=', 3 - left);
                buf_append(out, text, sizeof(text));
        }
}

/* 0 to 63, or -EINVAL. */
static int digit_of(char c)
{
        const char *p = c == '\0' ? NULL : strchr(alphabet, c);

        return p ? (int)(p - alphabet) : -EINVAL;
}

int grpc_base64_decode(const char *s, size_t n, uint8_t *out, size_t *ret_size)
{
        uint32_t bits = 0;
        unsigned n_bits = 0;
        size_t size = 0;

        if (n % 4 == 0)
                for (unsigned i = 0; i < 2 && n > 0 && s[n - 1] == '='; i++)
                        n--;
        if (n % 4 == 1)
                return -EINVAL;
        for (size_t i = 0; i < n; i++) {
                int digit = digit_of(s[i]);

                if (digit < 0)
                        return digit;
                bits = bits << 6 | (uint32_t)digit;
                n_bits += 6;
                if (n_bits >= 8) {
                        n_bits -= 8;
                        out[size++] = (uint8_t)(bits >> n_bits);
                        bits &= (1U << n_bits) - 1;
                }
        }
        if (bits != 0)
                return -EINVAL; /* two texts for the same bytes are one too many */
        *ret_size = size;
        return 0;
}
