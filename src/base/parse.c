/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */

#include <ctype.h>
#include <errno.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include "base/macro.h"
#include "base/parse.h"
#include "base/str.h"

static bool is_digit(char c)
{
        return c >= '0' && c <= '9';
}

int parse_bool(const char *s, bool *ret)
{
        static const char *const yes[] = {"yes", "true", "on", "1"}, *const no[] = {"no", "false", "off",
                                                                                    "0"};

        for (size_t i = 0; i < ARRAY_SIZE(yes); i++)
                if (strcasecmp(s, yes[i]) == 0 || strcasecmp(s, no[i]) == 0) {
                        *ret = strcasecmp(s, yes[i]) == 0;
                        return 0;
                }
        return -EINVAL;
}

/* Leading digits of *s; 0, -EINVAL without one, -ERANGE (after reading them all) beyond 64 bits. */
static int take_u64(const char **s, uint64_t *ret)
{
        const char *p = *s;
        bool overflow = false;
        uint64_t v = 0;

        if (!is_digit(*p))
                return -EINVAL;
        for (; is_digit(*p); p++)
                overflow = overflow || __builtin_mul_overflow(v, 10u, &v) ||
                           __builtin_add_overflow(v, (uint64_t)(*p - '0'), &v);
        *s = p;
        if (overflow)
                return -ERANGE;
        *ret = v;
        return 0;
}

int parse_u64(const char *s, uint64_t min, uint64_t max, uint64_t *ret)
{
        uint64_t v = 0;
        int r = take_u64(&s, &v);

        if (r == -EINVAL || *s)
                return -EINVAL;
        if (r < 0 || v < min || v > max)
                return -ERANGE;
        *ret = v;
        return 0;
}

int parse_i64(const char *s, int64_t *ret)
{
        bool negative = *s == '-';
        uint64_t v = 0, limit = (uint64_t)INT64_MAX + (negative ? 1 : 0);
        int r = parse_u64(negative ? s + 1 : s, 0, limit, &v);

        if (r < 0)
                return r;
        *ret = (int64_t)(negative ? -v : v);
        return 0;
}

int parse_size(const char *s, uint64_t *ret)
{
        unsigned shift = 0;
        uint64_t v = 0;
        int r = take_u64(&s, &v);

        if (r == -EINVAL)
                return r;
        switch (*s) {
        case 'K':
                shift = 10;
                break;
        case 'M':
                shift = 20;
                break;
        case 'G':
                shift = 30;
                break;
        default:
                break;
        }
        if (shift > 0)
                s++;
        if (*s)
                return -EINVAL;
        if (r < 0 || v > UINT64_MAX >> shift)
                return -ERANGE;
        *ret = v << shift;
        return 0;
}

static const struct {
        const char *name;
        usec_t usec;
} time_units[] = {
        {"us", 1},
        {"usec", 1},
        {"ms", USEC_PER_MSEC},
        {"msec", USEC_PER_MSEC},
        {"", USEC_PER_SEC},
        {"s", USEC_PER_SEC},
        {"sec", USEC_PER_SEC},
        {"second", USEC_PER_SEC},
        {"seconds", USEC_PER_SEC},
        {"m", 60 * USEC_PER_SEC},
        {"min", 60 * USEC_PER_SEC},
        {"minute", 60 * USEC_PER_SEC},
        {"minutes", 60 * USEC_PER_SEC},
        {"h", 3600 * USEC_PER_SEC},
        {"hr", 3600 * USEC_PER_SEC},
        {"hour", 3600 * USEC_PER_SEC},
        {"hours", 3600 * USEC_PER_SEC},
        {"d", 86400 * USEC_PER_SEC},
        {"day", 86400 * USEC_PER_SEC},
        {"days", 86400 * USEC_PER_SEC},
        {"w", 7 * 86400 * USEC_PER_SEC},
        {"week", 7 * 86400 * USEC_PER_SEC},
        {"weeks", 7 * 86400 * USEC_PER_SEC},
};

/* The unit word at *s ("" when there is none), in usec; 0 when unknown. */
static usec_t take_unit(const char **s)
{
        size_t n = strspn(*s, "abcdefghijklmnopqrstuvwxyz");

        for (size_t i = 0; i < ARRAY_SIZE(time_units); i++)
                if (strlen(time_units[i].name) == n && memcmp(time_units[i].name, *s, n) == 0) {
                        *s += n;
                        return time_units[i].usec;
                }
        return 0;
}

/* Digits behind the point as millionths; further digits count for nothing. */
static int take_fraction(const char **s, uint64_t *ret_millionths)
{
        uint64_t v = 0, weight = 100000;

        if (!is_digit(**s))
                return -EINVAL;
        for (; is_digit(**s); (*s)++, weight /= 10)
                v += (uint64_t)(**s - '0') * weight;
        *ret_millionths = v;
        return 0;
}

/* One "1.5 min" of a time span, added to *total. */
static int take_span(const char **s, usec_t *total)
{
        uint64_t whole = 0, millionths = 0;
        usec_t unit, part;
        int overflow = take_u64(s, &whole), r;

        if (overflow == -EINVAL)
                return -EINVAL;
        if (**s == '.') {
                (*s)++;
                r = take_fraction(s, &millionths);
                if (r < 0)
                        return r;
        }
        *s += strspn(*s, " ");
        unit = take_unit(s);
        if (unit == 0)
                return -EINVAL;
        if (overflow < 0 || __builtin_mul_overflow(whole, unit, &part) ||
            __builtin_add_overflow(part, millionths * (unit / 1000) / 1000, &part) ||
            __builtin_add_overflow(*total, part, total) || *total == USEC_INFINITY)
                return -ERANGE;
        return 0;
}

int parse_usec(const char *s, usec_t *ret)
{
        usec_t total = 0;
        int r;

        if (streq(s, "infinity")) {
                *ret = USEC_INFINITY;
                return 0;
        }
        do {
                r = take_span(&s, &total);
                if (r < 0)
                        return r;
                s += strspn(s, " ");
        } while (*s);
        *ret = total;
        return 0;
}

/* Exactly `width` digits. */
static int take_digits(const char **s, unsigned width, int *ret)
{
        int v = 0;

        for (unsigned i = 0; i < width; i++) {
                if (!is_digit((*s)[i]))
                        return -EINVAL;
                v = v * 10 + ((*s)[i] - '0');
        }
        *s += width;
        *ret = v;
        return 0;
}

static int take_char(const char **s, char c)
{
        if (**s != c && !(c >= 'A' && c <= 'Z' && **s == c - 'A' + 'a'))
                return -EINVAL;
        (*s)++;
        return 0;
}

static bool is_calendar_day(int year, int month, int day)
{
        static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
        bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;

        return month >= 1 && month <= 12 && day >= 1 && day <= days[month - 1] + (leap && month == 2);
}

/* "Z", "+hh:mm" or "-hh:mm" up to the end, in seconds. */
static int take_offset(const char **s, int *ret_seconds)
{
        int sign = **s == '-' ? -1 : 1, hours, minutes;

        if (take_char(s, 'Z') == 0) {
                *ret_seconds = 0;
                return **s ? -EINVAL : 0;
        }
        if (**s != '+' && **s != '-')
                return -EINVAL;
        (*s)++;
        if (take_digits(s, 2, &hours) < 0 || take_char(s, ':') < 0 || take_digits(s, 2, &minutes) < 0 ||
            **s || hours > 23 || minutes > 59)
                return -EINVAL;
        *ret_seconds = sign * (hours * 3600 + minutes * 60);
        return 0;
}

int parse_rfc3339(const char *s, int64_t *ret_usec)
{
        struct tm tm = {0};
        int year, month, offset;
        int64_t usec = 0;

        if (take_digits(&s, 4, &year) < 0 || take_char(&s, '-') < 0 || take_digits(&s, 2, &month) < 0 ||
            take_char(&s, '-') < 0 || take_digits(&s, 2, &tm.tm_mday) < 0 || take_char(&s, 'T') < 0 ||
            take_digits(&s, 2, &tm.tm_hour) < 0 || take_char(&s, ':') < 0 ||
            take_digits(&s, 2, &tm.tm_min) < 0 || take_char(&s, ':') < 0 ||
            take_digits(&s, 2, &tm.tm_sec) < 0)
                return -EINVAL;
        if (*s == '.') {
                int64_t weight = 100000;

                s++;
                if (!is_digit(*s))
                        return -EINVAL;
                for (; is_digit(*s) && weight > 0; s++, weight /= 10)
                        usec += (*s - '0') * weight;
        }
        /* A seventh digit stops here, as no offset begins with a digit. A leap second becomes the next. */
        if (take_offset(&s, &offset) < 0 || !is_calendar_day(year, month, tm.tm_mday) || tm.tm_hour > 23 ||
            tm.tm_min > 59 || tm.tm_sec > 60)
                return -EINVAL;
        tm.tm_year = year - 1900;
        tm.tm_mon = month - 1;
        *ret_usec = ((int64_t)timegm(&tm) - offset) * (int64_t)USEC_PER_SEC + usec;
        return 0;
}
