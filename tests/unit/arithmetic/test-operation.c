/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>

#include "arithmetic/expression.h"
#include "arithmetic/operation.h"
#include "base/alloc.h"
#include "base/macro.h"

static int write_operation(const char *operation, const char *const *operands, char **ret, size_t *ret_wrong)
{
        struct buf out = BUF_EMPTY;
        size_t n = 0;
        int r;

        while (operands[n])
                n++;
        r = operation_write(&out, operation, operands, n, ret_wrong);
        *ret = buf_take(&out, NULL);
        assert_non_null(*ret);
        return r;
}

/* Every operation becomes an expression that means the same. */
static void test_write(void **state)
{
        static const struct {
                const char *operation;
                const char *operands[4];
                const char *expression;
        } cases[] = {
                {"add", {"1", "2"}, "1 + 2"},
                {"subtract", {"-1", "-2", "+3"}, "-1 - (-2) - (+3)"},
                {"multiply", {"1.5e3", ".5"}, "1.5e3 * .5"},
                {"divide", {"1", "-3"}, "1 / (-3)"},
                {"power", {"-2", "-3"}, "power(-2, -3)"},
                {"sqrt", {"2"}, "sqrt(2)"},
                {"ln", {"2."}, "ln(2.)"},
                {"exp", {"-1"}, "exp(-1)"},
                {"log10", {"1e-3"}, "log10(1e-3)"},
        };

        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                _cleanup_free_ char *text = NULL;
                struct expression_error error;
                size_t wrong;

                assert_int_equal(write_operation(cases[i].operation, cases[i].operands, &text, &wrong), 0);
                assert_string_equal(text, cases[i].expression);
                assert_int_equal(expression_check(text, strlen(text), &error), 0);
        }
}

/* Names, numbers of operands, and operands that are no number are refused. */
static void test_refused(void **state)
{
        static const struct {
                const char *operation;
                const char *operands[4];
                int r;
                size_t wrong;
        } cases[] = {
                {"plus", {"1", "2"}, -ENOENT, 99},      {"add", {"1"}, -E2BIG, 99},
                {"power", {"1", "2", "3"}, -E2BIG, 99}, {"sqrt", {"1", "2"}, -E2BIG, 99},
                {"add", {"1", "x"}, -EINVAL, 1},        {"add", {"1+1", "2"}, -EINVAL, 0},
                {"add", {"", "2"}, -EINVAL, 0},         {"add", {"-", "2"}, -EINVAL, 0},
                {"add", {".", "2"}, -EINVAL, 0},        {"add", {"1", "1e"}, -EINVAL, 1},
                {"add", {"1", "1e+"}, -EINVAL, 1},      {"add", {"1", " 1"}, -EINVAL, 1},
                {"add", {"1", "--1"}, -EINVAL, 1},      {"add", {"1", "NaN"}, -EINVAL, 1},
        };

        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                _cleanup_free_ char *text = NULL;
                size_t wrong = 99;

                assert_int_equal(write_operation(cases[i].operation, cases[i].operands, &text, &wrong),
                                 cases[i].r);
                assert_int_equal(wrong, cases[i].wrong);
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_write),
                cmocka_unit_test(test_refused),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
