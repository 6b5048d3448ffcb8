/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "base/clock.h"
#include "base/parse.h"

/* The two directions agree, also before 1970 and at the ends of the calendar. */
static void test_format(void **state)
{
        static const int64_t times[] = {0,
                                        -1,
                                        1,
                                        INT64_C(1795318500123456),
                                        INT64_C(-62167219200000000),
                                        INT64_C(253402300799999999)};
        char text[RFC3339_SIZE];
        int64_t back;

        format_rfc3339(INT64_C(1795318500000000), text);
        assert_string_equal(text, "2026-11-22T03:35:00.000000Z");
        for (size_t i = 0; i < sizeof(times) / sizeof(times[0]); i++) {
                format_rfc3339(times[i], text);
                assert_int_equal(strlen(text), RFC3339_SIZE - 1);
                assert_int_equal(parse_rfc3339(text, &back), 0);
                assert_true(back == times[i]);
        }
        format_rfc3339(INT64_MAX, text);
        assert_memory_equal(text, "9999-12-31", 10);
        format_rfc3339(INT64_MIN, text);
        assert_memory_equal(text, "0000-01-01", 10);
}

/* Infinity absorbs, and nothing wraps round. */
static void test_add(void **state)
{
        assert_int_equal(usec_add(1, 2), 3);
        assert_true(usec_add(USEC_INFINITY, 1) == USEC_INFINITY);
        assert_true(usec_add(USEC_INFINITY - 1, 5) == USEC_INFINITY);
}

/* Each wait lies between the base and the doubled bound, which stops growing at the maximum. */
static void test_backoff(void **state)
{
        for (unsigned attempt = 0; attempt < 100; attempt++) {
                usec_t high = attempt < 6 ? (usec_t)100 << attempt : 5000, d;

                if (high > 5000)
                        high = 5000;
                d = backoff_usec(attempt, 100, 5000);
                assert_in_range(d, 100, high);
        }
        assert_int_equal(backoff_usec(3, 700, 500), 500);
        assert_in_range(backoff_usec(70, 1, USEC_INFINITY), 1, USEC_INFINITY);
}

/* The clocks run, in microseconds. */
static void test_now(void **state)
{
        usec_t a = clock_monotonic_usec(), b = clock_monotonic_usec();

        assert_true(b >= a);
        assert_true(clock_wall_usec() > UINT64_C(1700000000) * USEC_PER_SEC);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_format),
                cmocka_unit_test(test_add),
                cmocka_unit_test(test_backoff),
                cmocka_unit_test(test_now),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
