/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */

#include <errno.h>
#include <stdint.h>

#include "base/str.h"

bool streq_ptr(const char *a, const char *b)
{
        if (!a || !b)
                return a == b;
        return streq(a, b);
}

const char *startswith(const char *s, const char *prefix)
{
        size_t n = strlen(prefix);

        return strncmp(s, prefix, n) == 0 ? s + n : NULL;
}

bool endswith(const char *s, const char *suffix)
{
        size_t n = strlen(s), m = strlen(suffix);

        return n >= m && memcmp(s + n - m, suffix, m) == 0;
}

/* The length of the well-formed sequence at p, or 0 (RFC 3629 section 4: the second byte of a sequence has
 * a narrower range after E0, ED, F0 and F4, which shuts out overlong forms, surrogates and > U+10FFFF). */
static size_t utf8_sequence(const unsigned char *p, size_t n)
{
        unsigned char low = 0x80, high = 0xbf;
        size_t length;

        if (p[0] == 0)
                return 0;
        if (p[0] < 0x80)
                return 1;
        if (p[0] >= 0xc2 && p[0] <= 0xdf)
                length = 2;
        else if (p[0] >= 0xe0 && p[0] <= 0xef)
                length = 3;
        else if (p[0] >= 0xf0 && p[0] <= 0xf4)
                length = 4;
        else
                return 0;
        if (n < length)
                return 0;
        switch (p[0]) {
        case 0xe0:
                low = 0xa0;
                break;
        case 0xed:
                high = 0x9f;
                break;
        case 0xf0:
                low = 0x90;
                break;
        case 0xf4:
                high = 0x8f;
                break;
        default:
                break;
        }
        if (p[1] < low || p[1] > high)
                return 0;
        for (size_t i = 2; i < length; i++)
                if (p[i] < 0x80 || p[i] > 0xbf)
                        return 0;
        return length;
}

bool utf8_is_valid(const char *s, size_t n)
{
        const unsigned char *p = (const unsigned char *)s;

        while (n > 0) {
                size_t length = utf8_sequence(p, n);

                if (length == 0)
                        return false;
                p += length;
                n -= length;
        }
        return true;
}

size_t utf8_length(const char *s, size_t n)
{
        size_t points = 0;

        for (size_t i = 0; i < n; i++)
                points += ((unsigned char)s[i] & 0xc0) != 0x80;
        return points;
}

void hex_encode(const void *p, size_t n, char *out)
{
        static const char digits[] = "0123456789abcdef";
        const uint8_t *bytes = p;

        for (size_t i = 0; i < n; i++) {
                out[2 * i] = digits[bytes[i] >> 4];
                out[2 * i + 1] = digits[bytes[i] & 15];
        }
        out[2 * n] = '\0';
}

static int hex_digit(char c)
{
        if (c >= '0' && c <= '9')
                return c - '0';
        if (c >= 'a' && c <= 'f')
                return c - 'a' + 10;
        if (c >= 'A' && c <= 'F')
                return c - 'A' + 10;
        return -EINVAL;
}

int hex_decode(const char *hex, void *out, size_t n)
{
        uint8_t *bytes = out;

        if (strlen(hex) != 2 * n)
                return -EINVAL;
        for (size_t i = 0; i < n; i++) {
                int high = hex_digit(hex[2 * i]), low = hex_digit(hex[2 * i + 1]);

                if (high < 0 || low < 0)
                        return -EINVAL;
                bytes[i] = (uint8_t)(high << 4 | low);
        }
        return 0;
}
