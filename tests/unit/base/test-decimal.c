/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>

#include "base/decimal.h"
#include "base/macro.h"

/* Money is exact to the cent, over the whole range of the column. */
static void test_parse(void **state)
{
        static const struct {
                const char *text;
                int r;
                int64_t cents;
        } cases[] = {
                {"0", 0, 0},
                {"12.5", 0, 1250},
                {"12.50", 0, 1250},
                {"12.5000000000000000000000000", 0, 1250},
                {"0012", 0, 1200},
                {"9999999999.99", 0, MONEY_MAX_CENTS},
                {"00000000000000000000009999999999.99", 0, MONEY_MAX_CENTS},
                {"10000000000", -ERANGE, 0},
                {"99999999999999999999999999999999999999999", -ERANGE, 0},
                {"0.001", -ERANGE, 0},
                {"-1", -ERANGE, 0},
                {"-0", -ERANGE, 0},
                {"", -EINVAL, 0},
                {".5", -EINVAL, 0},
                {"5.", -EINVAL, 0},
                {"+5", -EINVAL, 0},
                {" 5", -EINVAL, 0},
                {"5 ", -EINVAL, 0},
                {"1e3", -EINVAL, 0},
                {"1,5", -EINVAL, 0},
                {"0x10", -EINVAL, 0},
                {"--1", -EINVAL, 0},
                {"99999999999999999999999x", -EINVAL, 0},
                {"1.2.3", -EINVAL, 0},
        };

        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                int64_t cents = -77;

                assert_int_equal(money_parse(cases[i].text, &cents), cases[i].r);
                assert_true(cents == (cases[i].r == 0 ? cases[i].cents : -77));
        }
}

/* Two decimals always, and parsing gives the same back. */
static void test_format(void **state)
{
        char text[MONEY_SIZE];
        int64_t back;

        money_format(1250, text);
        assert_string_equal(text, "12.50");
        money_format(7, text);
        assert_string_equal(text, "0.07");
        money_format(-7, text);
        assert_string_equal(text, "-0.07");
        money_format(INT64_MIN, text);
        assert_string_equal(text, "-92233720368547758.08");
        money_format(MONEY_MAX_CENTS, text);
        assert_int_equal(money_parse(text, &back), 0);
        assert_true(back == MONEY_MAX_CENTS);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_parse),
                cmocka_unit_test(test_format),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
