/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>

#include "base/macro.h"
#include "scheduler/plan.h"

#define SEC ((int64_t)USEC_PER_SEC)
#define T0 (INT64_C(1800000000) * SEC)

static struct recurrence every(usec_t seconds)
{
        return (struct recurrence){
                .every_usec = seconds * USEC_PER_SEC, .start_usec = INT64_MIN, .end_usec = INT64_MAX};
}

static const struct plan_policy none = {CATCH_UP_NONE, 3600 * USEC_PER_SEC, 30 * USEC_PER_SEC};
static const struct plan_policy last = {CATCH_UP_LAST, 3600 * USEC_PER_SEC, 30 * USEC_PER_SEC};
static const struct plan_policy all = {CATCH_UP_ALL, 3600 * USEC_PER_SEC, 30 * USEC_PER_SEC};

/* Nothing is due before its time, and the time itself is due. */
static void test_on_time(void **state)
{
        struct recurrence r = every(60);
        struct plan p;

        plan_make(&r, "a", &none, T0, T0 + 60 * SEC - 1, &p);
        assert_int_equal(p.n_times, 0);
        assert_int_equal(p.next_due, T0 + 60 * SEC);
        plan_make(&r, "a", &none, T0, T0 + 60 * SEC, &p);
        assert_int_equal(p.n_times, 1);
        assert_int_equal(p.times[0], T0 + 60 * SEC);
        assert_int_equal(p.planned_to, T0 + 60 * SEC);
        assert_int_equal(p.next_time, T0 + 120 * SEC);
        assert_int_equal(p.n_missed, 0);
}

/* A stumble is no absence: under every policy each time within the grace fires. */
static void test_grace(void **state)
{
        static const struct plan_policy *const policies[] = {&none, &last, &all};
        struct recurrence r = every(1);
        struct plan p;

        for (size_t i = 0; i < ARRAY_SIZE(policies); i++) {
                plan_make(&r, "a", policies[i], T0, T0 + 20 * SEC, &p);
                assert_int_equal(p.n_times, 20);
                assert_int_equal(p.n_missed, 0);
        }
}

/* After an absence: none of it, its newest, or all within the window. */
static void test_absence(void **state)
{
        struct recurrence r = every(600);
        int64_t now = T0 + 86400 * SEC + 300 * SEC;
        struct plan p;

        plan_make(&r, "a", &none, T0, now, &p);
        assert_int_equal(p.n_times, 0);
        assert_int_equal(p.n_missed, 144);
        assert_int_equal(p.missed_first, T0 + 600 * SEC);
        assert_int_equal(p.missed_last, T0 + 86400 * SEC);
        assert_int_equal(p.next_due, T0 + 86400 * SEC + 600 * SEC);

        plan_make(&r, "a", &last, T0, now, &p);
        assert_int_equal(p.n_times, 1);
        assert_int_equal(p.times[0], T0 + 86400 * SEC);
        assert_int_equal(p.n_missed, 143);
        assert_int_equal(p.next_due, T0 + 86400 * SEC + 600 * SEC);

        plan_make(&r, "a", &all, T0, now, &p);
        assert_int_equal(p.n_times, 6); /* of the last hour */
        assert_int_equal(p.times[0], T0 + 86400 * SEC - 3000 * SEC);
        assert_int_equal(p.n_missed, 138);
        assert_int_equal(p.next_due, T0 + 86400 * SEC + 600 * SEC);
}

/* "last" beyond its window, and with something newer that is on time, fires nothing old. */
static void test_last(void **state)
{
        struct recurrence r = every(7200);
        struct plan p;

        plan_make(&r, "a", &last, T0, T0 + 7200 * SEC + 3700 * SEC, &p);
        assert_int_equal(p.n_times, 0);
        assert_int_equal(p.n_missed, 1);
        plan_make(&r, "a", &last, T0, T0 + 4 * 7200 * SEC + 5 * SEC, &p);
        assert_int_equal(p.n_times, 1);
        assert_int_equal(p.times[0], T0 + 4 * 7200 * SEC);
        assert_int_equal(p.n_missed, 3);
}

/* More than one turn takes are left for the next, none is lost or repeated; a year is no burden. */
static void test_many(void **state)
{
        struct recurrence r = every(1);
        int64_t planned_to = T0, now = T0 + 500 * SEC, expected = T0;
        unsigned n = 0;
        struct plan p;

        do {
                plan_make(&r, "a", &all, planned_to, now, &p);
                for (unsigned i = 0; i < p.n_times; i++, n++)
                        assert_int_equal(p.times[i], expected += SEC);
                planned_to = p.planned_to;
        } while (p.next_due <= now);
        assert_int_equal(n, 500);

        plan_make(&r, "a", &last, T0, T0 + 365 * 86400 * SEC, &p);
        assert_in_range(p.n_times, 30, 31); /* those within the grace */
        assert_int_equal(p.n_missed, PLAN_MISSED_MAX);
}

/* With jitter, a time is due at its own moment, and the next due time tells when. */
static void test_jitter(void **state)
{
        struct recurrence r = every(60);
        struct plan p;

        r.jitter_usec = 30 * USEC_PER_SEC;
        plan_make(&r, "a", &last, T0, T0 + 59 * SEC, &p);
        assert_int_equal(p.n_times, 0);
        assert_int_equal(p.next_time, T0 + 60 * SEC);
        assert_int_equal(p.next_due, T0 + 60 * SEC + (int64_t)recurrence_delay(&r, "a", T0 + 60 * SEC));
        plan_make(&r, "a", &last, T0, p.next_due - 1, &p);
        assert_int_equal(p.n_times, 0);
        plan_make(&r, "a", &last, T0, p.next_due, &p);
        assert_int_equal(p.n_times, 1);
}

/* A schedule that has ended is never due again. */
static void test_end(void **state)
{
        struct recurrence r = every(60);
        struct plan p;

        r.end_usec = T0 + 90 * SEC;
        plan_make(&r, "a", &all, T0, T0 + 3000 * SEC, &p);
        assert_int_equal(p.n_times, 1);
        assert_true(p.next_due == RECURRENCE_NEVER);
}

/* Days on end, looked at now and then by schedulers that come and go: under "all" every nominal time fires
 * exactly once; under "none" and "last" a time fires at most once, and in order. */
static void test_days(void **state)
{
        static const struct plan_policy *const policies[] = {&none, &last, &all};

        for (size_t i = 0; i < ARRAY_SIZE(policies); i++) {
                struct recurrence r = every(37);
                struct plan_policy policy = *policies[i];
                int64_t planned_to = T0, now = T0, newest = T0;
                unsigned n_fired = 0;
                struct plan p;

                policy.window_usec = 30 * 86400 * USEC_PER_SEC;
                r.jitter_usec = 11 * USEC_PER_SEC;
                srand(7);
                while (now < T0 + 5 * 86400 * SEC) {
                        now += rand() % 50 == 0 ? rand() % (6 * 3600) * SEC : rand() % 3000000;
                        do {
                                plan_make(&r, "a", &policy, planned_to, now, &p);
                                for (unsigned k = 0; k < p.n_times; k++, n_fired++) {
                                        assert_true(p.times[k] > newest);
                                        assert_true(i < 2 || p.times[k] == recurrence_next(&r, newest));
                                        newest = p.times[k];
                                }
                                assert_true(p.planned_to >= planned_to);
                                planned_to = p.planned_to;
                        } while (p.next_due <= now);
                }
                assert_true(n_fired > 100);
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_on_time), cmocka_unit_test(test_grace), cmocka_unit_test(test_absence),
                cmocka_unit_test(test_last),    cmocka_unit_test(test_many),  cmocka_unit_test(test_jitter),
                cmocka_unit_test(test_end),     cmocka_unit_test(test_days),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
