/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>

#include "base/macro.h"
#include "base/parse.h"

/* The words that systemd users know, in any case, and nothing else. */
static void test_bool(void **state)
{
        bool v = false;

        assert_int_equal(parse_bool("Yes", &v), 0);
        assert_true(v);
        assert_int_equal(parse_bool("off", &v), 0);
        assert_false(v);
        assert_int_equal(parse_bool("1", &v), 0);
        assert_true(v);
        assert_int_equal(parse_bool("", &v), -EINVAL);
        assert_int_equal(parse_bool("yess", &v), -EINVAL);
        assert_int_equal(parse_bool("2", &v), -EINVAL);
        assert_true(v);
}

/* Digits only, the whole string, within the limits. */
static void test_u64(void **state)
{
        uint64_t v = 7;

        assert_int_equal(parse_u64("18446744073709551615", 0, UINT64_MAX, &v), 0);
        assert_true(v == UINT64_MAX);
        assert_int_equal(parse_u64("18446744073709551616", 0, UINT64_MAX, &v), -ERANGE);
        assert_int_equal(parse_u64("99999999999999999999x", 0, UINT64_MAX, &v), -EINVAL);
        assert_int_equal(parse_u64("5", 6, 9, &v), -ERANGE);
        assert_int_equal(parse_u64("10", 6, 9, &v), -ERANGE);
        assert_int_equal(parse_u64("007", 6, 9, &v), 0);
        assert_int_equal(v, 7);
        assert_int_equal(parse_u64("", 0, 9, &v), -EINVAL);
        assert_int_equal(parse_u64(" 1", 0, 9, &v), -EINVAL);
        assert_int_equal(parse_u64("+1", 0, 9, &v), -EINVAL);
        assert_int_equal(parse_u64("-1", 0, 9, &v), -EINVAL);
}

/* Both ends of the range are reached. */
static void test_i64(void **state)
{
        int64_t v = 0;

        assert_int_equal(parse_i64("-9223372036854775808", &v), 0);
        assert_true(v == INT64_MIN);
        assert_int_equal(parse_i64("9223372036854775807", &v), 0);
        assert_true(v == INT64_MAX);
        assert_int_equal(parse_i64("9223372036854775808", &v), -ERANGE);
        assert_int_equal(parse_i64("-9223372036854775809", &v), -ERANGE);
        assert_int_equal(parse_i64("--1", &v), -EINVAL);
        assert_int_equal(parse_i64("-", &v), -EINVAL);
}

/* Powers of 1024; overflow is told apart from nonsense. */
static void test_size(void **state)
{
        uint64_t v = 0;

        assert_int_equal(parse_size("65536", &v), 0);
        assert_int_equal(v, 65536);
        assert_int_equal(parse_size("64K", &v), 0);
        assert_int_equal(v, 65536);
        assert_int_equal(parse_size("3M", &v), 0);
        assert_int_equal(v, 3 << 20);
        assert_int_equal(parse_size("2G", &v), 0);
        assert_true(v == UINT64_C(2) << 30);
        assert_int_equal(parse_size("18446744073709551615G", &v), -ERANGE);
        assert_int_equal(parse_size("1KB", &v), -EINVAL);
        assert_int_equal(parse_size("K", &v), -EINVAL);
        assert_int_equal(parse_size("-1", &v), -EINVAL);
}

/* Spans add up; a bare number is seconds; a unit that nobody knows is refused. */
static void test_usec(void **state)
{
        static const struct {
                const char *text;
                usec_t usec;
        } good[] = {
                {"0", 0},
                {"90", 90 * USEC_PER_SEC},
                {"5min 20s", 320 * USEC_PER_SEC},
                {"1h30min", 5400 * USEC_PER_SEC},
                {"200ms", 200 * USEC_PER_MSEC},
                {"1.5s", 1500 * USEC_PER_MSEC},
                {"0.000001", 1},
                {"2 d", 2 * 86400 * USEC_PER_SEC},
                {"1week", 7 * 86400 * USEC_PER_SEC},
                {"7us", 7},
                {"infinity", USEC_INFINITY},
        };
        static const char *const bad[] = {"",    " ",          "s",  "5 lightyears", "-1",
                                          "1.s", "infinity 1", "5x", "1..5"};
        static const char *const large[] = {"18446744073709551615", "99999999999999999999",
                                            "18446744073709s 551615us"};
        usec_t v;

        for (size_t i = 0; i < ARRAY_SIZE(good); i++) {
                assert_int_equal(parse_usec(good[i].text, &v), 0);
                assert_true(v == good[i].usec);
        }
        for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
                assert_int_equal(parse_usec(bad[i], &v), -EINVAL);
        for (size_t i = 0; i < ARRAY_SIZE(large); i++)
                assert_int_equal(parse_usec(large[i], &v), -ERANGE);
}

/* Any offset, up to six digits of a second, real days only. */
static void test_rfc3339(void **state)
{
        static const struct {
                const char *text;
                int64_t usec;
        } good[] = {
                {"1970-01-01T00:00:00Z", 0},
                {"1969-12-31T23:59:59.999999Z", -1},
                {"2026-11-22T03:35:00.000001Z", INT64_C(1795318500000001)},
                {"2026-11-22t05:35:00.5+02:00", INT64_C(1795318500500000)},
                {"2024-02-29T00:00:00-00:30", INT64_C(1709166600000000)},
                {"2016-12-31T23:59:60Z", INT64_C(1483228800000000)},
                {"0000-01-01T00:00:00Z", INT64_C(-62167219200000000)},
                {"9999-12-31T23:59:59Z", INT64_C(253402300799000000)},
        };
        static const char *const bad[] = {
                "",
                "2026-11-22",
                "2026-11-22T03:35:00",
                "2026-11-22 03:35:00Z",
                "2026-02-29T00:00:00Z",
                "1900-02-29T00:00:00Z",
                "2026-13-01T00:00:00Z",
                "2026-00-01T00:00:00Z",
                "2026-11-31T00:00:00Z",
                "2026-11-22T24:00:00Z",
                "2026-11-22T00:60:00Z",
                "2026-11-22T00:00:61Z",
                "2026-11-22T00:00:00.Z",
                "2026-11-22T00:00:00.1234567Z",
                "2026-11-22T00:00:00+24:00",
                "2026-11-22T00:00:00+0200",
                "2026-11-22T00:00:00Zx",
                "+026-11-22T00:00:00Z",
        };
        int64_t v;

        for (size_t i = 0; i < ARRAY_SIZE(good); i++) {
                assert_int_equal(parse_rfc3339(good[i].text, &v), 0);
                assert_true(v == good[i].usec);
        }
        for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
                assert_int_equal(parse_rfc3339(bad[i], &v), -EINVAL);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_bool), cmocka_unit_test(test_u64),  cmocka_unit_test(test_i64),
                cmocka_unit_test(test_size), cmocka_unit_test(test_usec), cmocka_unit_test(test_rfc3339),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
