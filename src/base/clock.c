/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */

#include <errno.h>
#include <time.h>

#include "base/clock.h"
#include "base/id.h"
#include "base/macro.h"

static usec_t now_usec(clockid_t id)
{
        struct timespec ts;

        /* Cannot fail: these clocks exist on every Linux and the pointer is good. */
        (void)clock_gettime(id, &ts);
        return (usec_t)ts.tv_sec * USEC_PER_SEC + (usec_t)ts.tv_nsec / 1000;
}

usec_t clock_monotonic_usec(void)
{
        return now_usec(CLOCK_MONOTONIC);
}

usec_t clock_wall_usec(void)
{
        return now_usec(CLOCK_REALTIME);
}

usec_t clock_thread_usec(void)
{
        return now_usec(CLOCK_THREAD_CPUTIME_ID);
}

usec_t usec_add(usec_t a, usec_t b)
{
        usec_t sum;

        return __builtin_add_overflow(a, b, &sum) ? USEC_INFINITY : sum;
}

static char *put_digits(char *p, unsigned value, unsigned width)
{
        for (unsigned i = width; i-- > 0; value /= 10)
                p[i] = (char)('0' + value % 10);
        return p + width;
}

void format_rfc3339(int64_t wall_usec, char out[RFC3339_SIZE])
{
        int64_t seconds = wall_usec / (int64_t)USEC_PER_SEC, usec = wall_usec % (int64_t)USEC_PER_SEC;
        struct tm tm;
        time_t t;
        char *p = out;

        if (usec < 0) {
                usec += (int64_t)USEC_PER_SEC;
                seconds--;
        }
        /* RFC 3339 knows the years 0000 to 9999 only. */
        seconds = MAX_OF(seconds, INT64_C(-62167219200));
        t = (time_t)MIN_OF(seconds, INT64_C(253402300799));
        (void)gmtime_r(&t, &tm);
        p = put_digits(p, (unsigned)(tm.tm_year + 1900), 4);
        *p++ = '-';
        p = put_digits(p, (unsigned)(tm.tm_mon + 1), 2);
        *p++ = '-';
        p = put_digits(p, (unsigned)tm.tm_mday, 2);
        *p++ = 'T';
        p = put_digits(p, (unsigned)tm.tm_hour, 2);
        *p++ = ':';
        p = put_digits(p, (unsigned)tm.tm_min, 2);
        *p++ = ':';
        p = put_digits(p, (unsigned)tm.tm_sec, 2);
        *p++ = '.';
        p = put_digits(p, (unsigned)usec, 6);
        *p++ = 'Z';
        *p = '\0';
}

usec_t backoff_usec(unsigned attempt, usec_t base, usec_t max)
{
        usec_t high = attempt < 63 && base <= (max >> attempt) ? base << attempt : max;
        uint64_t random;

        if (high <= base)
                return high;
        random_bytes(&random, sizeof(random));
        return base + random % (high - base + 1);
}
