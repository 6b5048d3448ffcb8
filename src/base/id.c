/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/random.h>
#include <sys/types.h>

#include "base/id.h"
#include "base/str.h"

/* getrandom(2) cannot fail once the pool is up, short of a signal: without randomness tokens would be
 * guessable, so there is no way on. */
void random_bytes(void *p, size_t n)
{
        char *at = p;

        while (n > 0) {
                ssize_t k = getrandom(at, n, 0);

                if (k < 0) {
                        if (errno == EINTR)
                                continue;
                        abort();
                }
                at += k;
                n -= (size_t)k;
        }
}

void id_make(char out[ID_SIZE])
{
        uint8_t bytes[(ID_SIZE - 1) / 2];

        random_bytes(bytes, sizeof(bytes));
        hex_encode(bytes, sizeof(bytes), out);
}

bool id_is_valid(const char *s)
{
        static const char allowed[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._:-";
        size_t n = strspn(s, allowed);

        return n > 0 && n <= ID_FOREIGN_MAX && s[n] == '\0';
}
