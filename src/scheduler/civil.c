/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */
#include "scheduler/civil.h"

#include <stdbool.h>

/* Years that begin in March end with the leap day: then a day of the year follows from the month alone
 * (153 days in five months), and an era of 400 years is 146097 days. 719468 days lie between 0000-03-01 and
 * 1970-01-01. */
#define ERA_DAYS 146097
#define EPOCH_SHIFT 719468

int64_t civil_to_days(int64_t year, int month, int day)
{
        int64_t y = year - (month <= 2), era = floor_div(y, 400), of_era = y - era * 400;
        int64_t of_year = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1;

        return era * ERA_DAYS + of_era * 365 + of_era / 4 - of_era / 100 + of_year - EPOCH_SHIFT;
}

struct civil_date civil_from_days(int64_t days)
{
        int64_t shifted = days + EPOCH_SHIFT, era = floor_div(shifted, ERA_DAYS);
        int64_t of_era = shifted - era * ERA_DAYS;
        int64_t year = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
        int64_t of_year = of_era - (365 * year + year / 4 - year / 100), m = (5 * of_year + 2) / 153;
        int month = (int)(m < 10 ? m + 3 : m - 9);

        return (struct civil_date){
                .year = year + era * 400 + (month <= 2),
                .month = month,
                .day = (int)(of_year - (153 * m + 2) / 5 + 1),
        };
}

int civil_month_days(int64_t year, int month)
{
        static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
        bool is_leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;

        return days[month - 1] + (month == 2 && is_leap);
}

int civil_weekday(int64_t days)
{
        return (int)(days + 4 - floor_div(days + 4, 7) * 7); /* 1970-01-01 was a Thursday */
}
