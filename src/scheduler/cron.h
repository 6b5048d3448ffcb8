/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */
#pragma once

/* Cron expressions (crontab(5)) over local wall time: which minutes they name. Pure; fuzzed.
 *
 *     minute hour day-of-month month day-of-week
 *
 *   field    "*", "5", "1-5", "1-5/2", "5/10" (from 5 on), "*" "/10", lists with commas; names jan..dec and
 *            sun..sat; 7 is Sunday, too; "?" is "*"
 *   day      L (the last of the month), L-3 (three days before it)
 *   weekday  5L (the last Friday of the month), 5#2 (the second)
 *   macro    @yearly @annually @monthly @weekly @daily @midnight @hourly
 *
 * As in cron, where neither the day nor the weekday begins with "*", a day that fits either will do. */

#include <stdbool.h>
#include <stdint.h>

#define CRON_TEXT_MAX 255
#define CRON_REASON_SIZE 120

struct cron {
        uint64_t minutes;             /* bit n: minute n, as all below */
        uint32_t hours, days, months; /* days and months from bit 1 */
        uint32_t last_days;           /* bit n: n days before the last of the month */
        uint8_t weekdays;             /* bit 0: Sunday */
        uint8_t last_weekdays;        /* the last such weekday of the month */
        uint8_t nth_weekdays[5];      /* the first, second, ... */
        bool any_hour;                /* the hour begins with "*" */
        bool any_day, any_weekday;
};

/* 0; -EINVAL with the end of a sentence in `reason` ("has 4 fields, not 5"). */
int cron_parse(const char *text, struct cron *ret, char reason[CRON_REASON_SIZE]);
/* The first minute of the wall clock (minutes since 1970-01-01 00:00, as if it were UTC) at or after `from`
 * that the expression names. 0; -ENOENT: none within 40 years, as with 30 February. */
int cron_next(const struct cron *c, int64_t from, int64_t *ret);
