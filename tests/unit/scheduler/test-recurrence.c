/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/fd.h"
#include "base/macro.h"
#include "base/parse.h"
#include "base/str.h"
#include "scheduler/recurrence.h"

#define TIMES_MAX 6

static int64_t at(const char *text)
{
        int64_t usec;

        assert_int_equal(parse_rfc3339(text, &usec), 0);
        return usec;
}

static struct zone *load(const char *name)
{
        char path[128], *bytes;
        struct zone *z = NULL;
        size_t n;

        (void)snprintf(path, sizeof(path), "/usr/share/zoneinfo/%s", name);
        assert_int_equal(fd_read_file(path, 65536, &bytes, &n), 0);
        assert_int_equal(zone_decode(bytes, n, &z), 0);
        free(bytes);
        return z;
}

static struct recurrence make(const char *cron, const struct zone *z)
{
        struct recurrence r = {.zone = z, .start_usec = INT64_MIN, .end_usec = INT64_MAX};
        char reason[CRON_REASON_SIZE];

        assert_int_equal(cron_parse(cron, &r.cron, reason), 0);
        return r;
}

struct firing_case {
        const char *zone, *cron, *after;
        const char *times[TIMES_MAX]; /* UTC, in this order, nothing between them */
};

static void check(const struct firing_case *c)
{
        struct zone *z = load(c->zone);
        struct recurrence r = make(c->cron, z);
        int64_t t = at(c->after);

        for (size_t i = 0; i < TIMES_MAX && c->times[i]; i++) {
                char found[RFC3339_SIZE], wanted[RFC3339_SIZE];

                t = recurrence_next(&r, t);
                format_rfc3339(t, found);
                format_rfc3339(at(c->times[i]), wanted);
                if (!streq(found, wanted))
                        fail_msg("%s \"%s\" after %s: time %zu is %s, not %s", c->zone, c->cron, c->after,
                                 i + 1, found, wanted);
        }
        zone_free(z);
}

/* The days on which the clocks are changed, checked by hand. */
static void test_clock_changes(void **state)
{
        static const struct firing_case cases[] = {
                /* Madrid, 29 March 2026: 01:59:59 CET is followed by 03:00:00 CEST, 01:00 UTC */
                {"Europe/Madrid",
                 "30 2 * * *",
                 "2026-03-28T00:00:00Z",
                 {"2026-03-28T01:30:00Z", "2026-03-29T01:00:00Z", "2026-03-30T00:30:00Z"}},
                {"Europe/Madrid",
                 "15,45 2 * * *",
                 "2026-03-28T12:00:00Z",
                 {"2026-03-29T01:00:00Z", "2026-03-30T00:15:00Z", "2026-03-30T00:45:00Z"}},
                {"Europe/Madrid",
                 "0 2,3 * * *",
                 "2026-03-28T12:00:00Z",
                 {"2026-03-29T01:00:00Z", "2026-03-30T00:00:00Z", "2026-03-30T01:00:00Z"}},
                {"Europe/Madrid",
                 "* 2 * * *",
                 "2026-03-28T12:00:00Z",
                 {"2026-03-29T01:00:00Z", "2026-03-30T00:00:00Z", "2026-03-30T00:01:00Z"}},
                {"Europe/Madrid",
                 "0 0 * * *",
                 "2026-03-28T12:00:00Z",
                 {"2026-03-28T23:00:00Z", "2026-03-29T22:00:00Z"}},
                {"Europe/Madrid",
                 "*/30 * * * *",
                 "2026-03-29T00:10:00Z",
                 {"2026-03-29T00:30:00Z", "2026-03-29T01:00:00Z", "2026-03-29T01:30:00Z"}},
                {"Europe/Madrid",
                 "0 */2 * * *",
                 "2026-03-28T22:00:00Z",
                 {"2026-03-28T23:00:00Z", "2026-03-29T02:00:00Z", "2026-03-29T04:00:00Z"}},
                /* Madrid, 25 October 2026: 02:59:59 CEST is followed by 02:00:00 CET, 01:00 UTC */
                {"Europe/Madrid",
                 "30 2 * * *",
                 "2026-10-24T00:00:00Z",
                 {"2026-10-24T00:30:00Z", "2026-10-25T00:30:00Z", "2026-10-26T01:30:00Z"}},
                {"Europe/Madrid",
                 "*/15 2 * * *",
                 "2026-10-24T12:00:00Z",
                 {"2026-10-25T00:00:00Z", "2026-10-25T00:15:00Z", "2026-10-25T00:30:00Z",
                  "2026-10-25T00:45:00Z", "2026-10-26T01:00:00Z"}},
                {"Europe/Madrid",
                 "0 3 * * *",
                 "2026-10-24T12:00:00Z",
                 {"2026-10-25T02:00:00Z", "2026-10-26T02:00:00Z"}},
                {"Europe/Madrid",
                 "30 * * * *",
                 "2026-10-24T23:40:00Z",
                 {"2026-10-25T00:30:00Z", "2026-10-25T01:30:00Z", "2026-10-25T02:30:00Z"}},
                /* asked in the second hour of the two */
                {"Europe/Madrid", "30 2 * * *", "2026-10-25T01:10:00Z", {"2026-10-26T01:30:00Z"}},
                {"Europe/Madrid", "30 2,3 * * *", "2026-10-25T01:10:00Z", {"2026-10-25T02:30:00Z"}},
                /* Bogotá has no summer time */
                {"America/Bogota",
                 "30 2 * * *",
                 "2026-03-28T12:00:00Z",
                 {"2026-03-29T07:30:00Z", "2026-03-30T07:30:00Z"}},
                {"America/Bogota",
                 "0 0 1 * *",
                 "2026-10-15T00:00:00Z",
                 {"2026-11-01T05:00:00Z", "2026-12-01T05:00:00Z"}},
                {"America/Bogota",
                 "59 23 31 12 *",
                 "2026-01-01T12:00:00Z",
                 {"2027-01-01T04:59:00Z", "2028-01-01T04:59:00Z"}},
                /* New York, 8 March 2026: 01:59:59 EST, 03:00:00 EDT, 07:00 UTC */
                {"America/New_York",
                 "30 2 * * *",
                 "2026-03-07T00:00:00Z",
                 {"2026-03-07T07:30:00Z", "2026-03-08T07:00:00Z", "2026-03-09T06:30:00Z"}},
                {"America/New_York",
                 "0 9 * * 1-5",
                 "2026-03-06T12:00:00Z",
                 {"2026-03-06T14:00:00Z", "2026-03-09T13:00:00Z"}},
                /* New York, 1 November 2026: 01:59:59 EDT, 01:00:00 EST, 06:00 UTC */
                {"America/New_York",
                 "30 1 * * *",
                 "2026-10-31T00:00:00Z",
                 {"2026-10-31T05:30:00Z", "2026-11-01T05:30:00Z", "2026-11-02T06:30:00Z"}},
                {"America/New_York",
                 "0 * * * *",
                 "2026-11-01T04:30:00Z",
                 {"2026-11-01T05:00:00Z", "2026-11-01T06:00:00Z", "2026-11-01T07:00:00Z"}},
                /* Lord Howe, 5 April 2026: 01:59:59 +11, 01:30:00 +10:30, 15:00 UTC the day before */
                {"Australia/Lord_Howe",
                 "45 1 * * *",
                 "2026-04-03T00:00:00Z",
                 {"2026-04-03T14:45:00Z", "2026-04-04T14:45:00Z", "2026-04-05T15:15:00Z"}},
                {"Australia/Lord_Howe",
                 "*/15 * * * *",
                 "2026-04-04T14:40:00Z",
                 {"2026-04-04T14:45:00Z", "2026-04-04T15:00:00Z", "2026-04-04T15:15:00Z",
                  "2026-04-04T15:30:00Z"}},
                {"Australia/Lord_Howe",
                 "0 2 * * *",
                 "2026-04-04T12:00:00Z",
                 {"2026-04-04T15:30:00Z", "2026-04-05T15:30:00Z"}},
                /* Lord Howe, 4 October 2026: 01:59:59 +10:30, 02:30:00 +11, 15:30 UTC the day before */
                {"Australia/Lord_Howe",
                 "15 2 * * *",
                 "2026-10-02T00:00:00Z",
                 {"2026-10-02T15:45:00Z", "2026-10-03T15:30:00Z", "2026-10-04T15:15:00Z"}},
                {"Australia/Lord_Howe",
                 "30 2 * * *",
                 "2026-10-03T00:00:00Z",
                 {"2026-10-03T15:30:00Z", "2026-10-04T15:30:00Z"}},
                {"Australia/Lord_Howe",
                 "0 * * * *",
                 "2026-10-03T14:00:00Z",
                 {"2026-10-03T14:30:00Z", "2026-10-03T16:00:00Z", "2026-10-03T17:00:00Z"}},
                /* Samoa had no 30 December 2011 */
                {"Pacific/Apia",
                 "0 12 * * *",
                 "2011-12-29T12:00:00Z",
                 {"2011-12-29T22:00:00Z", "2011-12-30T10:00:00Z", "2011-12-30T22:00:00Z"}},
        };

        for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
                check(&cases[i]);
}

/* Leap days, ends of months, weekdays by number, and cron's "either day will do". */
static void test_days(void **state)
{
        static const struct firing_case cases[] = {
                {"UTC",
                 "0 0 29 2 *",
                 "2026-01-01T00:00:00Z",
                 {"2028-02-29T00:00:00Z", "2032-02-29T00:00:00Z"}},
                {"UTC", "0 0 29 2 *", "2096-03-01T00:00:00Z", {"2104-02-29T00:00:00Z"}},
                {"UTC",
                 "0 0 L * *",
                 "2028-01-15T00:00:00Z",
                 {"2028-01-31T00:00:00Z", "2028-02-29T00:00:00Z", "2028-03-31T00:00:00Z",
                  "2028-04-30T00:00:00Z"}},
                {"UTC",
                 "0 0 L-1 2 *",
                 "2026-01-15T00:00:00Z",
                 {"2026-02-27T00:00:00Z", "2027-02-27T00:00:00Z", "2028-02-28T00:00:00Z"}},
                {"UTC",
                 "0 0 31 * *",
                 "2026-01-31T00:00:00Z",
                 {"2026-03-31T00:00:00Z", "2026-05-31T00:00:00Z"}},
                {"UTC",
                 "0 18 * * friL",
                 "2026-10-01T00:00:00Z",
                 {"2026-10-30T18:00:00Z", "2026-11-27T18:00:00Z"}},
                {"UTC",
                 "0 8 * * 1#2",
                 "2026-10-01T00:00:00Z",
                 {"2026-10-12T08:00:00Z", "2026-11-09T08:00:00Z"}},
                {"UTC",
                 "0 0 13 * 5",
                 "2026-11-01T00:00:00Z",
                 {"2026-11-06T00:00:00Z", "2026-11-13T00:00:00Z", "2026-11-20T00:00:00Z"}},
                {"UTC", "0 0 1-7 * */7", "2026-11-02T00:00:00Z", {"2026-12-06T00:00:00Z"}},
                {"UTC",
                 "0 0 * * sat-sun",
                 "2026-11-05T00:00:00Z",
                 {"2026-11-07T00:00:00Z", "2026-11-08T00:00:00Z", "2026-11-14T00:00:00Z"}},
                {"UTC",
                 "0 0 * * 5-7",
                 "2026-11-05T00:00:00Z",
                 {"2026-11-06T00:00:00Z", "2026-11-07T00:00:00Z", "2026-11-08T00:00:00Z"}},
                {"UTC", "@daily", "2026-12-31T23:59:59Z", {"2027-01-01T00:00:00Z"}},
                {"UTC", "@weekly", "2026-11-30T00:00:00Z", {"2026-12-06T00:00:00Z"}},
                {"UTC", "@Monthly", "2026-11-30T00:00:00Z", {"2026-12-01T00:00:00Z"}},
                {"UTC", "@yearly", "2026-11-30T00:00:00Z", {"2027-01-01T00:00:00Z"}},
                {"UTC", "@hourly", "2026-11-30T00:00:00Z", {"2026-11-30T01:00:00Z"}},
                {"UTC",
                 "*/6 * * * *",
                 "2026-11-30T00:00:00Z",
                 {"2026-11-30T00:06:00Z", "2026-11-30T00:12:00Z"}},
                {"UTC",
                 "50/4 8-10/2,23 * JAN mon",
                 "2026-12-01T00:00:00Z",
                 {"2027-01-04T08:50:00Z", "2027-01-04T08:54:00Z", "2027-01-04T08:58:00Z",
                  "2027-01-04T10:50:00Z"}},
                {"UTC", " 0\t0  ? * * ", "2026-12-01T00:00:00.000001Z", {"2026-12-02T00:00:00Z"}},
        };

        for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
                check(&cases[i]);
}

/* What is no expression is refused with a reason. */
static void test_wrong(void **state)
{
        static const char *const wrong[] = {
                "",
                "* * * *",
                "* * * * * *",
                "60 * * * *",
                "* 24 * * *",
                "* * 0 * *",
                "* * 32 * *",
                "* * * 13 *",
                "* * * 0 *",
                "* * * * 8",
                "-1 * * * *",
                "1- * * * *",
                "5-1 * * * *",
                "*/0 * * * *",
                "*/60 * * * *",
                "1,,2 * * * *",
                "a * * * *",
                "@reboot",
                "@",
                "0 0 30 2 *",
                "0 0 31 4,6,9,11 *",
                "* * L-31 * *",
                "* * * * 5#6",
                "* * * * monday",
                "1/ * * * *",
                "*-5 * * * *",
                "* * 15W * *",
                "0 0 * jan-foo *",
                "001 * * * *",
        };
        char reason[CRON_REASON_SIZE];
        struct cron c;

        for (size_t i = 0; i < ARRAY_SIZE(wrong); i++) {
                *reason = '\0';
                if (cron_parse(wrong[i], &c, reason) == 0 || !*reason)
                        fail_msg("\"%s\" was taken", wrong[i]);
        }
}

/* Intervals are counted from the start, or from 1970; start and end hold for both kinds. */
static void test_intervals(void **state)
{
        struct recurrence r = {
                .every_usec = 6 * 60 * USEC_PER_SEC, .start_usec = INT64_MIN, .end_usec = INT64_MAX};

        assert_int_equal(recurrence_next(&r, at("2026-11-30T10:00:00Z")), at("2026-11-30T10:06:00Z"));
        assert_int_equal(recurrence_next(&r, at("2026-11-30T10:05:59.999999Z")), at("2026-11-30T10:06:00Z"));
        assert_int_equal(recurrence_next(&r, at("1969-12-31T23:53:00Z")), at("1969-12-31T23:54:00Z"));
        r.start_usec = at("2026-11-30T10:01:30Z");
        assert_int_equal(recurrence_next(&r, at("2026-11-01T00:00:00Z")), r.start_usec);
        assert_int_equal(recurrence_next(&r, r.start_usec), at("2026-11-30T10:07:30Z"));
        r.end_usec = at("2026-11-30T10:07:30Z");
        assert_true(recurrence_next(&r, r.start_usec) == RECURRENCE_NEVER);

        struct zone *z = load("UTC");
        struct recurrence c = make("0 12 * * *", z);

        c.start_usec = at("2026-11-30T12:00:00Z");
        c.end_usec = at("2026-12-01T12:00:01Z");
        assert_int_equal(recurrence_next(&c, at("2026-01-01T00:00:00Z")), c.start_usec);
        assert_int_equal(recurrence_next(&c, c.start_usec), at("2026-12-01T12:00:00Z"));
        assert_true(recurrence_next(&c, at("2026-12-01T12:00:00Z")) == RECURRENCE_NEVER);
        zone_free(z);
}

/* A delay is within the jitter, the same for one firing, and spread over many. */
static void test_jitter(void **state)
{
        struct recurrence r = {.every_usec = USEC_PER_SEC, .jitter_usec = 10 * USEC_PER_SEC};
        unsigned n[10] = {0};

        for (int64_t i = 0; i < 10000; i++) {
                usec_t d = recurrence_delay(&r, "nightly", i * 1000000);

                assert_true(d <= r.jitter_usec);
                assert_true(d == recurrence_delay(&r, "nightly", i * 1000000));
                n[MIN_OF(d / USEC_PER_SEC, UINT64_C(9))]++;
        }
        for (size_t i = 0; i < ARRAY_SIZE(n); i++)
                assert_in_range(n[i], 850, 1150);
        assert_true(recurrence_delay(&r, "a", 0) != recurrence_delay(&r, "b", 0));
        r.jitter_usec = 0;
        assert_int_equal(recurrence_delay(&r, "a", 0), 0);
}

/* Whatever the zone does: times ascend, and looking from just before one finds it again. */
static void test_ascending(void **state)
{
        static const char *const zones[] = {"Europe/Madrid", "Australia/Lord_Howe", "Africa/Casablanca",
                                            "Pacific/Apia", "America/Scoresbysund"};
        static const char *const crons[] = {"*/7 * * * *", "13 1-3 * * *", "0 */3 * * *", "59 23 L * *",
                                            "30 0,12 * * sun"};

        for (size_t i = 0; i < ARRAY_SIZE(zones) * ARRAY_SIZE(crons); i++) {
                struct zone *z = load(zones[i / ARRAY_SIZE(crons)]);
                struct recurrence r = make(crons[i % ARRAY_SIZE(crons)], z);
                int64_t t = at("2011-01-01T00:00:00Z");

                for (unsigned k = 0; k < 2000; k++) {
                        int64_t next = recurrence_next(&r, t);

                        assert_true(next > t);
                        assert_true(recurrence_next(&r, next - 1) == next);
                        assert_true(recurrence_next(&r, t + (next - t) / 2) == next);
                        t = next;
                }
                zone_free(z);
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_clock_changes), cmocka_unit_test(test_days),
                cmocka_unit_test(test_wrong),         cmocka_unit_test(test_intervals),
                cmocka_unit_test(test_jitter),        cmocka_unit_test(test_ascending),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
