/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */
#include "scheduler/cron.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/macro.h"
#include "base/parse.h"
#include "base/str.h"
#include "scheduler/civil.h"

#define FIELDS 5
#define FIELD_SIZE (CRON_TEXT_MAX + 1)
/* The 29th of February falls on a given weekday every 28 years, and once in 40 around 2100. */
#define YEARS_AHEAD 40

enum field { MINUTE, HOUR, DAY, MONTH, WEEKDAY };

static const struct field_kind {
        const char *name;
        int min, max;
} kinds[FIELDS] = {
        {"minute", 0, 59}, {"hour", 0, 23}, {"day of month", 1, 31}, {"month", 1, 12}, {"day of week", 0, 7},
};

static const char month_names[][4] = {"jan", "feb", "mar", "apr", "may", "jun",
                                      "jul", "aug", "sep", "oct", "nov", "dec"};
static const char weekday_names[][4] = {"sun", "mon", "tue", "wed", "thu", "fri", "sat"};

static const struct {
        const char *name, *text;
} macros[] = {
        {"@yearly", "0 0 1 1 *"}, {"@annually", "0 0 1 1 *"}, {"@monthly", "0 0 1 * *"},
        {"@weekly", "0 0 * * 0"}, {"@daily", "0 0 * * *"},    {"@midnight", "0 0 * * *"},
        {"@hourly", "0 * * * *"},
};

/* ---- Parsing ---- */

static int wrong(char reason[CRON_REASON_SIZE], enum field f, const char *text)
{
        (void)snprintf(reason, CRON_REASON_SIZE, "has the %s \"%.40s\", which is none (%d-%d)", kinds[f].name,
                       text, kinds[f].min, f == WEEKDAY ? 6 : kinds[f].max);
        return -EINVAL;
}

/* A number or a name at *s, which moves behind it. */
static int take_value(enum field f, const char **s, int *ret)
{
        const char(*names)[4] = f == MONTH ? month_names : weekday_names;
        size_t n_names = f == MONTH ? ARRAY_SIZE(month_names) : f == WEEKDAY ? ARRAY_SIZE(weekday_names) : 0;
        size_t n = strspn(*s, "0123456789");
        int v = 0;

        for (size_t i = 0; i < n_names; i++)
                if (strncasecmp(*s, names[i], 3) == 0) {
                        *s += 3;
                        *ret = (int)i + (f == MONTH);
                        return 0;
                }
        if (n == 0 || n > 2)
                return -EINVAL;
        for (; n > 0; n--, (*s)++)
                v = v * 10 + (**s - '0');
        if (v < kinds[f].min || v > kinds[f].max)
                return -EINVAL;
        *ret = v;
        return 0;
}

static void set_bit(struct cron *c, enum field f, int v)
{
        switch (f) {
        case MINUTE:
                c->minutes |= UINT64_C(1) << v;
                break;
        case HOUR:
                c->hours |= 1U << v;
                break;
        case DAY:
                c->days |= 1U << v;
                break;
        case MONTH:
                c->months |= 1U << v;
                break;
        case WEEKDAY:
                c->weekdays |= (uint8_t)(1U << v % 7);
                break;
        }
}

/* "L" or "L-3" as a day of the month. */
static int take_last_day(struct cron *c, const char *s)
{
        uint64_t before = 0;

        if (s[1] != '\0' && (s[1] != '-' || parse_u64(s + 2, 1, 30, &before) < 0))
                return -EINVAL;
        c->last_days |= 1U << before;
        return 0;
}

/* What may follow a single weekday: "L" or "#2". 0; 1: neither. */
static int take_weekday_tail(struct cron *c, int weekday, const char *s)
{
        uint8_t bit = (uint8_t)(1U << weekday % 7);

        if (streq(s, "L") || streq(s, "l")) {
                c->last_weekdays |= bit;
                return 0;
        }
        if (s[0] != '#' || s[1] < '1' || s[1] > '5' || s[2] != '\0')
                return 1;
        c->nth_weekdays[s[1] - '1'] |= bit;
        return 0;
}

/* "*", "5", "1-5", each with "/step" or without. */
static int parse_range(struct cron *c, enum field f, const char *s)
{
        int low = kinds[f].min, high = f == WEEKDAY ? 6 : kinds[f].max;
        uint64_t step = 1;
        bool is_single = false;

        if (*s == '*' || *s == '?') {
                s++;
        } else {
                if (take_value(f, &s, &low) < 0)
                        return -EINVAL;
                is_single = *s != '-' && *s != '/';
                if (*s == '-') {
                        s++;
                        if (take_value(f, &s, &high) < 0)
                                return -EINVAL;
                        if (f == WEEKDAY && high == 0 && low > 0)
                                high = 7; /* "fri-sun" */
                }
        }
        if (is_single && f == WEEKDAY && take_weekday_tail(c, low, s) == 0)
                return 0;
        if (*s == '/' && parse_u64(s + 1, 1, (uint64_t)kinds[f].max, &step) == 0)
                s = "";
        if (*s != '\0' || low > high)
                return -EINVAL;
        for (int v = low; v <= (is_single ? low : high); v += (int)step)
                set_bit(c, f, v);
        return 0;
}

static int parse_field(struct cron *c, enum field f, char *text, char reason[CRON_REASON_SIZE])
{
        char *rest = text, *part;
        int r;

        while ((part = strsep(&rest, ","))) {
                if (f == DAY && (*part == 'L' || *part == 'l'))
                        r = take_last_day(c, part);
                else
                        r = parse_range(c, f, part);
                if (r < 0)
                        return wrong(reason, f, part);
        }
        return 0;
}

static const char *expand_macro(const char *text)
{
        for (size_t i = 0; i < ARRAY_SIZE(macros); i++)
                if (strcasecmp(text, macros[i].name) == 0)
                        return macros[i].text;
        return NULL;
}

/* The fields of `text` between blanks; how many there are. */
static size_t split(const char *text, char fields[FIELDS][FIELD_SIZE])
{
        size_t n = 0;

        for (;;) {
                size_t length;

                text += strspn(text, " \t");
                if (*text == '\0')
                        return n;
                length = strcspn(text, " \t");
                if (n < FIELDS)
                        (void)snprintf(fields[n], FIELD_SIZE, "%.*s", (int)length, text);
                n++;
                text += length;
        }
}

int cron_parse(const char *text, struct cron *ret, char reason[CRON_REASON_SIZE])
{
        char fields[FIELDS][FIELD_SIZE];
        struct cron c = {0};
        int64_t first;
        size_t n;

        if (*text == '@') {
                const char *expanded = expand_macro(text);

                if (!expanded) {
                        (void)snprintf(reason, CRON_REASON_SIZE,
                                       "is none of @yearly, @monthly, @weekly, @daily, @hourly");
                        return -EINVAL;
                }
                text = expanded;
        }
        n = strlen(text) > CRON_TEXT_MAX ? 0 : split(text, fields);
        if (n != FIELDS) {
                (void)snprintf(reason, CRON_REASON_SIZE,
                               "must be five fields: minute, hour, day of month, month, day of week");
                return -EINVAL;
        }
        c.any_hour = *fields[HOUR] == '*' || *fields[HOUR] == '?';
        c.any_day = *fields[DAY] == '*' || *fields[DAY] == '?';
        c.any_weekday = *fields[WEEKDAY] == '*' || *fields[WEEKDAY] == '?';
        for (enum field f = MINUTE; f <= WEEKDAY; f++)
                if (parse_field(&c, f, fields[f], reason) < 0)
                        return -EINVAL;
        if (cron_next(&c, 0, &first) < 0) {
                (void)snprintf(reason, CRON_REASON_SIZE, "names a day that never comes");
                return -EINVAL;
        }
        *ret = c;
        return 0;
}

/* ---- Looking ahead ---- */

static bool is_day(const struct cron *c, const struct civil_date *d, int month_days)
{
        int weekday = civil_weekday(civil_to_days(d->year, d->month, d->day)), before = month_days - d->day;
        uint8_t bit = (uint8_t)(1U << weekday);
        bool by_day = c->days >> d->day & 1 || c->last_days >> before & 1;
        bool by_weekday = c->weekdays & bit || (before < 7 && c->last_weekdays & bit) ||
                          c->nth_weekdays[(d->day - 1) / 7] & bit;

        return c->any_day || c->any_weekday ? by_day && by_weekday : by_day || by_weekday;
}

/* The first named minute of a day at or after `from`, or -1. */
static int minute_of_day(const struct cron *c, int from)
{
        for (int hour = from / 60, minute = from % 60; hour < 24; hour++, minute = 0) {
                uint64_t left = c->minutes >> minute;

                if (c->hours >> hour & 1 && left)
                        return hour * 60 + minute + __builtin_ctzll(left);
        }
        return -1;
}

int cron_next(const struct cron *c, int64_t from, int64_t *ret)
{
        int64_t days = floor_div(from, 1440);
        struct civil_date d = civil_from_days(days);
        int64_t last_year = d.year + YEARS_AHEAD;
        int minute = (int)(from - days * 1440);

        while (d.year <= last_year) {
                int month_days = civil_month_days(d.year, d.month);

                for (; c->months >> d.month & 1 && d.day <= month_days; d.day++, minute = 0) {
                        int found = is_day(c, &d, month_days) ? minute_of_day(c, minute) : -1;

                        if (found >= 0) {
                                *ret = civil_to_days(d.year, d.month, d.day) * 1440 + found;
                                return 0;
                        }
                }
                d.day = 1;
                minute = 0;
                d.year += d.month == 12;
                d.month = d.month % 12 + 1;
        }
        return -ENOENT;
}
