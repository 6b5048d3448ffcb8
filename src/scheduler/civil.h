/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */
#pragma once

/* The proleptic Gregorian calendar, days counted from 1970-01-01. Pure. */

#include <stdint.h>

struct civil_date {
        int64_t year;
        int month, day; /* from 1 */
};

int64_t civil_to_days(int64_t year, int month, int day);
struct civil_date civil_from_days(int64_t days);
int civil_month_days(int64_t year, int month);
int civil_weekday(int64_t days); /* 0 = Sunday */

/* a / b rounded down, b > 0. */
static inline int64_t floor_div(int64_t a, int64_t b)
{
        return a / b - (a % b < 0);
}
