/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/fd.h"
#include "base/macro.h"
#include "base/parse.h"
#include "scheduler/civil.h"
#include "scheduler/zone.h"

#define ZONEINFO "/usr/share/zoneinfo/"

static struct zone *load(const char *name)
{
        char path[128], *bytes;
        struct zone *z = NULL;
        size_t n;

        (void)snprintf(path, sizeof(path), ZONEINFO "%s", name);
        assert_int_equal(fd_read_file(path, 65536, &bytes, &n), 0);
        assert_int_equal(zone_decode(bytes, n, &z), 0);
        free(bytes);
        return z;
}

static int64_t at(const char *text)
{
        int64_t usec;

        assert_int_equal(parse_rfc3339(text, &usec), 0);
        return usec / 1000000;
}

/* Days and dates agree both ways, over four centuries and before 1970. */
static void test_civil(void **state)
{
        assert_int_equal(civil_to_days(1970, 1, 1), 0);
        assert_int_equal(civil_to_days(2000, 3, 1), 11017);
        assert_int_equal(civil_weekday(civil_to_days(2026, 11, 30)), 1);
        assert_int_equal(civil_weekday(civil_to_days(1969, 12, 28)), 0);
        assert_int_equal(civil_month_days(2000, 2), 29);
        assert_int_equal(civil_month_days(2100, 2), 28);
        for (int64_t d = -150000; d < 150000; d++) {
                struct civil_date c = civil_from_days(d);

                assert_true(c.month >= 1 && c.month <= 12 && c.day >= 1 &&
                            c.day <= civil_month_days(c.year, c.month));
                assert_int_equal(civil_to_days(c.year, c.month, c.day), d);
        }
}

/* The C library, which reads the same files, sees the same offsets: within the table and by the rule after
 * it. */
static void test_as_libc(void **state)
{
        static const char *const names[] = {
                "Europe/Madrid",        "America/Bogota", "America/New_York", "Australia/Lord_Howe",
                "Africa/Casablanca",    "Asia/Kolkata",   "Pacific/Apia",     "America/Santiago",
                "Antarctica/Troll",     "Asia/Tehran",    "Europe/Dublin",    "Pacific/Chatham",
                "America/Scoresbysund", "America/Nuuk",   "Asia/Gaza",        "UTC",
        };

        for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
                struct zone *z = load(names[i]);

                assert_int_equal(setenv("TZ", names[i], 1), 0);
                tzset();
                /* a step of some days that meets every hour of the day in time */
                for (int64_t t = at("1950-01-01T00:00:00Z"); t < at("2120-01-01T00:00:00Z"); t += 300007) {
                        time_t clock = t;
                        struct tm tm;
                        int64_t until;

                        assert_non_null(localtime_r(&clock, &tm));
                        if (zone_offset(z, t, &until) != tm.tm_gmtoff)
                                fail_msg("%s at %lld: %d, not %ld", names[i], (long long)t,
                                         zone_offset(z, t, &until), tm.tm_gmtoff);
                        assert_true(until > t);
                }
                zone_free(z);
        }
        unsetenv("TZ");
        tzset();
}

/* A local time in a gap has no instant but that of the change; one in an overlap has two. */
static void test_to_utc(void **state)
{
        static const struct {
                const char *zone, *local;
                unsigned n;
                const char *utc[2];
        } cases[] = {
                {"Europe/Madrid", "2026-03-29T01:59:59Z", 1, {"2026-03-29T00:59:59Z"}},
                {"Europe/Madrid", "2026-03-29T02:00:00Z", 0, {"2026-03-29T01:00:00Z"}},
                {"Europe/Madrid", "2026-03-29T02:59:59Z", 0, {"2026-03-29T01:00:00Z"}},
                {"Europe/Madrid", "2026-03-29T03:00:00Z", 1, {"2026-03-29T01:00:00Z"}},
                {"Europe/Madrid",
                 "2026-10-25T02:00:00Z",
                 2,
                 {"2026-10-25T00:00:00Z", "2026-10-25T01:00:00Z"}},
                {"Europe/Madrid", "2026-10-25T03:00:00Z", 1, {"2026-10-25T02:00:00Z"}},
                /* beyond the table of any file: the rule */
                {"Europe/Madrid", "2090-03-26T02:30:00Z", 0, {"2090-03-26T01:00:00Z"}},
                {"Australia/Lord_Howe", "2026-10-04T02:15:00Z", 0, {"2026-10-03T15:30:00Z"}},
                {"Australia/Lord_Howe",
                 "2026-04-05T01:45:00Z",
                 2,
                 {"2026-04-04T14:45:00Z", "2026-04-04T15:15:00Z"}},
                {"America/New_York",
                 "2026-11-01T01:30:00Z",
                 2,
                 {"2026-11-01T05:30:00Z", "2026-11-01T06:30:00Z"}},
                {"America/Bogota", "2026-11-01T01:30:00Z", 1, {"2026-11-01T06:30:00Z"}},
                /* the day that Samoa left out */
                {"Pacific/Apia", "2011-12-30T12:00:00Z", 0, {"2011-12-30T10:00:00Z"}},
        };

        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                struct zone *z = load(cases[i].zone);
                int64_t utc[2];

                assert_int_equal(zone_to_utc(z, at(cases[i].local), utc), cases[i].n);
                assert_int_equal(utc[0], at(cases[i].utc[0]));
                if (cases[i].n == 2)
                        assert_int_equal(utc[1], at(cases[i].utc[1]));
                zone_free(z);
        }
}

/* The forms of a POSIX TZ string; what is none is refused. */
static void test_rules(void **state)
{
        static const char *const wrong[] = {
                "",
                "CE-1",
                "CET",
                "CET-1CEST",
                "CET-1CEST,M3.5.0",
                "CET-25",
                "CET-1CEST,M13.5.0,M10.5.0",
                "CET-1CEST,M3.6.0,M10.5.0",
                "CET-1CEST,M3.5.7,M10.5.0",
                "<-033",
                "CET-1CEST,J0,J1",
                "CET-1CEST,366,1",
                "CET-1CEST,M3.5.0,M10.5.0/168",
                "CET-1 ",
        };
        struct zone_rule r;
        int64_t until;

        for (size_t i = 0; i < ARRAY_SIZE(wrong); i++)
                assert_int_equal(zone_rule_parse(wrong[i], strlen(wrong[i]), &r), -EBADMSG);
        assert_int_equal(zone_rule_parse("<-03>3", 6, &r), 0);
        assert_int_equal(zone_rule_offset(&r, 0, &until), -3 * 3600);
        assert_true(until == INT64_MAX);
        /* summer time all the year */
        assert_int_equal(zone_rule_parse("EST5EDT,0/0,J365/25", 19, &r), 0);
        for (int64_t t = at("2026-12-30T00:00:00Z"); t < at("2027-01-03T00:00:00Z"); t += 1800)
                assert_int_equal(zone_rule_offset(&r, t, &until), -4 * 3600);
        /* J60 is the first of March in every year */
        assert_int_equal(zone_rule_parse("AAA0BBB,J60/0,J61/1", 19, &r), 0);
        assert_int_equal(zone_rule_offset(&r, at("2028-03-01T12:00:00Z"), &until), 3600);
        assert_int_equal(zone_rule_offset(&r, at("2027-03-01T12:00:00Z"), &until), 3600);
        assert_int_equal(zone_rule_offset(&r, at("2028-02-29T12:00:00Z"), &until), 0);
}

/* A file that is cut anywhere is no zone, and nothing is read behind its end. */
static void test_cut(void **state)
{
        char *bytes, *part;
        struct zone *z;
        size_t n;

        assert_int_equal(fd_read_file(ZONEINFO "America/Bogota", 65536, &bytes, &n), 0);
        for (size_t i = 0; i < n; i++) {
                part = malloc(i + 1);
                assert_non_null(part);
                memcpy(part, bytes, i);
                part = realloc(part, i > 0 ? i : 1);
                assert_int_equal(zone_decode(part, i, &z), -EBADMSG);
                free(part);
        }
        free(bytes);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_civil), cmocka_unit_test(test_as_libc), cmocka_unit_test(test_to_utc),
                cmocka_unit_test(test_rules), cmocka_unit_test(test_cut),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
