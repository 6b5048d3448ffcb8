/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */

/* POSIX TZ strings with the extensions of RFC 8536: "CET-1CEST,M3.5.0,M10.5.0/3", "<-03>3". */

#include <errno.h>
#include <string.h>

#include "scheduler/civil.h"
#include "scheduler/zone.h"

#define DAY INT64_C(86400)
#define HOURS_MAX 167 /* of a change, RFC 8536 section 3.3.1 */

struct cursor {
        const char *at, *end;
};

static bool take(struct cursor *c, char wanted)
{
        if (c->at == c->end || *c->at != wanted)
                return false;
        c->at++;
        return true;
}

static bool is_digit_at(const struct cursor *c)
{
        return c->at < c->end && *c->at >= '0' && *c->at <= '9';
}

static int take_number(struct cursor *c, int max, int *ret)
{
        int v = 0;

        if (!is_digit_at(c))
                return -EBADMSG;
        for (; is_digit_at(c); c->at++) {
                v = v * 10 + (*c->at - '0');
                if (v > max)
                        return -EBADMSG;
        }
        *ret = v;
        return 0;
}

static int take_name(struct cursor *c)
{
        const char *begin = c->at;

        if (take(c, '<')) {
                while (c->at < c->end && *c->at != '>')
                        c->at++;
                return take(c, '>') ? 0 : -EBADMSG;
        }
        while (c->at < c->end && ((*c->at >= 'A' && *c->at <= 'Z') || (*c->at >= 'a' && *c->at <= 'z')))
                c->at++;
        return c->at - begin >= 3 ? 0 : -EBADMSG;
}

/* [+-]hh[:mm[:ss]] in seconds. */
static int take_time(struct cursor *c, int hours_max, int32_t *ret)
{
        int sign = 1, part[3] = {0};
        int r;

        if (take(c, '-'))
                sign = -1;
        else
                (void)take(c, '+');
        for (size_t i = 0; i < 3; i++) {
                if (i > 0 && !take(c, ':'))
                        break;
                r = take_number(c, i == 0 ? hours_max : 59, &part[i]);
                if (r < 0)
                        return r;
        }
        *ret = sign * (part[0] * 3600 + part[1] * 60 + part[2]);
        return 0;
}

/* "M3.5.0" behind its M. */
static int take_month_day(struct cursor *c, struct zone_day *ret)
{
        ret->kind = ZONE_DAY_MONTH;
        if (take_number(c, 12, &ret->month) < 0 || ret->month < 1 || !take(c, '.') ||
            take_number(c, 5, &ret->week) < 0 || ret->week < 1 || !take(c, '.') ||
            take_number(c, 6, &ret->day) < 0)
                return -EBADMSG;
        return 0;
}

static int take_day(struct cursor *c, struct zone_day *ret)
{
        int r;

        *ret = (struct zone_day){.time = 2 * 3600};
        if (take(c, 'M')) {
                r = take_month_day(c, ret);
        } else if (take(c, 'J')) {
                ret->kind = ZONE_DAY_JULIAN;
                r = take_number(c, 365, &ret->day);
                if (r == 0 && ret->day < 1)
                        r = -EBADMSG;
        } else {
                ret->kind = ZONE_DAY_PLAIN;
                r = take_number(c, 365, &ret->day);
        }
        if (r == 0 && take(c, '/'))
                r = take_time(c, HOURS_MAX, &ret->time);
        return r;
}

int zone_rule_parse(const char *text, size_t n, struct zone_rule *ret)
{
        struct cursor c = {text, text + n};
        struct zone_rule rule = {0};

        if (take_name(&c) < 0 || take_time(&c, 24, &rule.standard) < 0)
                return -EBADMSG;
        rule.standard = -rule.standard; /* POSIX counts west of Greenwich */
        rule.summer = rule.standard + 3600;
        if (c.at < c.end) {
                rule.has_summer = true;
                if (take_name(&c) < 0)
                        return -EBADMSG;
                if (c.at < c.end && *c.at != ',') {
                        if (take_time(&c, 24, &rule.summer) < 0)
                                return -EBADMSG;
                        rule.summer = -rule.summer;
                }
                if (!take(&c, ',') || take_day(&c, &rule.begin) < 0 || !take(&c, ',') ||
                    take_day(&c, &rule.end) < 0)
                        return -EBADMSG;
        }
        if (c.at != c.end)
                return -EBADMSG;
        *ret = rule;
        return 0;
}

/* Seconds since 1970, read on the wall, of a change in `year`. */
static int64_t day_in_year(const struct zone_day *d, int64_t year)
{
        int64_t days;

        if (d->kind == ZONE_DAY_MONTH) {
                int64_t first = civil_to_days(year, d->month, 1);
                int day = (d->day - civil_weekday(first) + 7) % 7 + (d->week - 1) * 7;

                while (day >= civil_month_days(year, d->month))
                        day -= 7;
                days = first + day;
        } else {
                days = civil_to_days(year, 1, 1) + d->day;
                if (d->kind == ZONE_DAY_JULIAN)
                        days += civil_month_days(year, 2) == 29 && d->day >= 60 ? 0 : -1;
        }
        return days * DAY + d->time;
}

int32_t zone_rule_offset(const struct zone_rule *r, int64_t utc, int64_t *ret_until)
{
        int64_t year, last = INT64_MIN;
        int32_t offset = r->standard;

        *ret_until = INT64_MAX;
        if (!r->has_summer)
                return offset;
        year = civil_from_days(floor_div(utc, DAY)).year;
        /* The change before and the one after `utc` lie in the years around it. Where an end and a beginning
         * fall together, summer time goes on: the beginning is looked at last. */
        for (int64_t y = year - 2; y <= year + 2; y++) {
                const struct zone_change changes[] = {
                        {day_in_year(&r->end, y) - r->summer, r->standard},
                        {day_in_year(&r->begin, y) - r->standard, r->summer},
                };

                for (size_t i = 0; i < ARRAY_SIZE(changes); i++) {
                        if (changes[i].at <= utc && changes[i].at >= last) {
                                last = changes[i].at;
                                offset = changes[i].offset;
                        } else if (changes[i].at > utc && changes[i].at < *ret_until) {
                                *ret_until = changes[i].at;
                        }
                }
        }
        return offset;
}
