/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

#include "base/decimal.h"

static bool is_digit(char c)
{
        return c >= '0' && c <= '9';
}

int money_parse(const char *s, int64_t *ret_cents)
{
        bool negative = *s == '-', inexact = false, large = false;
        int64_t cents = 0;
        unsigned places = 0;

        if (negative)
                s++;
        if (!is_digit(*s))
                return -EINVAL;
        /* Read to the end before judging the range: "1x" is no decimal, however large the 1 is. */
        for (; is_digit(*s); s++) {
                if (!large)
                        cents = cents * 10 + (*s - '0');
                large = large || cents > MONEY_MAX_CENTS / 100;
        }
        if (*s == '.') {
                s++;
                if (!is_digit(*s))
                        return -EINVAL;
                for (; is_digit(*s); s++) {
                        if (places < 2 && !large) {
                                cents = cents * 10 + (*s - '0');
                                places++;
                        } else if (*s != '0')
                                inexact = true;
                }
        }
        if (*s != '\0')
                return -EINVAL;
        if (negative || large || inexact)
                return -ERANGE;
        for (; places < 2; places++)
                cents *= 10;
        *ret_cents = cents;
        return 0;
}

void money_format(int64_t cents, char out[MONEY_SIZE])
{
        uint64_t magnitude = cents < 0 ? -(uint64_t)cents : (uint64_t)cents;

        (void)snprintf(out, MONEY_SIZE, "%s%" PRIu64 ".%02u", cents < 0 ? "-" : "", magnitude / 100,
                       (unsigned)(magnitude % 100));
}
