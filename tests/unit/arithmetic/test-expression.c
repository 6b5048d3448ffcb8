/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <stdio.h>

#include "arithmetic/expression.h"
#include "base/alloc.h"
#include "base/buf.h"
#include "base/macro.h"
#include "base/str.h"

#define WORK (60 * USEC_PER_SEC) /* never what ends these */

static int evaluate(const char *text, unsigned digits, struct expression_result *ret,
                    struct expression_error *error)
{
        return expression_evaluate(text, strlen(text), digits, WORK, ret, error);
}

static void assert_value(const char *text, unsigned digits, const char *value, const char *fraction,
                         bool is_exact)
{
        struct expression_result result;
        struct expression_error error;

        if (evaluate(text, digits, &result, &error) < 0)
                fail_msg("%s: %s at %u", text, error.detail, error.position);
        assert_string_equal(result.value, value);
        assert_true(streq_ptr(result.fraction, fraction));
        assert_int_equal(result.is_exact, is_exact);
        expression_result_done(&result);
}

static void assert_fault(const char *text, enum expression_fault fault, unsigned position)
{
        struct expression_result result;
        struct expression_error error;

        if (evaluate(text, 34, &result, &error) != -EBADMSG)
                fail_msg("%s: no error", text);
        if (error.fault != fault || error.position != position)
                fail_msg("%s: %s at %u, wanted %s at %u", text, expression_fault_slug(error.fault),
                         error.position, expression_fault_slug(fault), position);
        assert_int_not_equal(error.detail[0], '\0');
}

/* Rational numbers are exact, and rounded half to even once, at the end. */
static void test_rational(void **state)
{
        static const struct {
                const char *text;
                unsigned digits;
                const char *value, *fraction;
                bool is_exact;
        } cases[] = {
                {"2/3 + 1", 34, "1.666666666666666666666666666666667", "5/3", false},
                {"(2+3)*4/7", 5, "2.8571", "20/7", false},
                {"0.1+0.2", 34, "0.3", "3/10", true},
                {"1/3*3", 34, "1", "1", true},
                {"-2^2", 34, "-4", "-4", true},
                {"(-2)^2", 34, "4", "4", true},
                {"2^3^2", 34, "512", "512", true},
                {"2^-1", 34, "0.5", "1/2", true},
                {"- -+-3", 34, "-3", "-3", true},
                {"7-2-1", 34, "4", "4", true},
                {"8/4/2", 34, "1", "1", true},
                {"power(1/2, 3)", 34, "0.125", "1/8", true},
                {"2 \u00d7 3 \u00f7 4 \u2212 1", 34, "0.5", "1/2", true},
                {" \t1\n+\r1 ", 34, "2", "2", true},
                {".5 + 5.", 34, "5.5", "11/2", true},
                {"1E3 + 1e-3 + 1e+0", 34, "1001.001", "1001001/1000", true},
                {"0^0", 34, "1", "1", true},
                {"(-1)^123456789012345678901234567891", 34, "-1", "-1", true},
                {"0e99999999999999999999", 34, "0", "0", true},
                {"2.5", 1, "2", "5/2", false},
                {"3.5", 1, "4", "7/2", false},
                {"-2.5", 1, "-2", "-5/2", false},
                {"2.5000000000000000000000000000000000001", 1, "3",
                 "25000000000000000000000000000000000001/10000000000000000000000000000000000000", false},
                {"99999.5", 5, "1e+5", "199999/2", false},
                {"123456", 5, "1.2346e+5", "123456", false},
                {"100000", 6, "100000", "100000", true},
                {"1e-6", 34, "0.000001", "1/1000000", true},
                {"1e-7", 34, "1e-7", "1/10000000", true},
                {"sqrt(9/4)", 34, "1.5", "3/2", true},
                {"sqrt(0)", 34, "0", "0", true},
                {"ln(1)", 34, "0", "0", true},
                {"exp(1-1)", 34, "1", "1", true},
                {"log10(1e400)", 34, "400", "400", true},
                {"log10(1e-400)", 34, "-400", "-400", true},
        };

        for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
                assert_value(cases[i].text, cases[i].digits, cases[i].value, cases[i].fraction,
                             cases[i].is_exact);
}

/* Irrational numbers show the digits of the true value, also where a fixed precision would not do. */
static void test_irrational(void **state)
{
        static const struct {
                const char *text;
                unsigned digits;
                const char *value;
        } cases[] = {
                {"sqrt(2)", 34, "1.414213562373095048801688724209698"},
                {"exp(1)", 34, "2.718281828459045235360287471352662"},
                {"ln(10)", 34, "2.302585092994045684017991454684364"},
                {"log10(2)", 34, "0.301029995663981195213738894724493"},
                {"sqrt(2)*sqrt(2)", 34, "2"},
                {"(-sqrt(2))^3", 10, "-2.828427125"},
                {"(-sqrt(2))^-2", 10, "0.5"},
                {"sqrt(2)^0", 34, "1"},
                /* Just beside a tie: 1 + 5e-34 + 1.25e-67. */
                {"exp(5e-34)", 34, "1.000000000000000000000000000000001"},
                {"exp(-5e-34)", 34, "0.9999999999999999999999999999999995"},
                {"ln(1+1e-5000)", 34, "1e-5000"},
                {"log10(1-1e-5000)", 20, "-4.3429448190325182765e-5001"},
                {"exp(1000)", 20, "1.9700711140170469939e+434"},
                {"exp(100)-exp(100)*(1-1e-60)", 5, "2.6881e-17"},
        };

        for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
                assert_value(cases[i].text, cases[i].digits, cases[i].value, NULL, false);
}

/* Zero is known where all that is irrational are square roots; and what is next to it is not taken for it. */
static void test_zero(void **state)
{
        static const char *const zeros[] = {
                "0*sqrt(2)",
                "sqrt(2)*sqrt(2)-2",
                "sqrt(2)-sqrt(2)",
                "sqrt(2)+sqrt(3)-sqrt(5+2*sqrt(6))",
                "sqrt(8)-2*sqrt(2)",
                "1/sqrt(3)-sqrt(3)/3",
                "(1+sqrt(5))^10/1024-(123+55*sqrt(5))/2",
                "(sqrt(2)-1)^-3-(sqrt(2)+1)^3",
                "sqrt(sqrt(2)*sqrt(2)-2)",
                "(sqrt(7)-sqrt(7))*exp(1)",
                "1e-9000*(sqrt(2)*sqrt(2)-2)",
                "sqrt(1e-3000)*(sqrt(3)-sqrt(3))",
                "sqrt(1234567/89)-sqrt(1234567)/sqrt(89)",
                /* fourteen roots of one field, or of two */
                "sqrt(2)+sqrt(2)+sqrt(2)+sqrt(2)+sqrt(2)+sqrt(2)+sqrt(2)+sqrt(2)+sqrt(2)+sqrt(2)+sqrt(2)+"
                "sqrt(2)"
                "+sqrt(2)-13*sqrt(2)",
                "sqrt(2)+sqrt(8)+sqrt(18)+sqrt(32)+sqrt(50)+sqrt(72)+sqrt(98)+sqrt(128)+sqrt(162)+sqrt(200)"
                "+sqrt(242)+sqrt(288)-78/sqrt(.5)",
                "(sqrt(3)+sqrt(5)+sqrt(3)+sqrt(5)+sqrt(3)+sqrt(5))*(sqrt(3)-sqrt(5)+sqrt(3)-sqrt(5)+sqrt(3)-"
                "sqrt(5))"
                "+18",
        };

        for (size_t i = 0; i < ARRAY_SIZE(zeros); i++)
                assert_value(zeros[i], 34, "0", "0", true);
        assert_value("exp(sqrt(2)*sqrt(2)-2)", 34, "1", NULL, false);
        assert_value("sqrt(2)*sqrt(2)-2+1e-300", 5, "1e-300", NULL, false);
        assert_value("sqrt(2+1e-300)-sqrt(2)", 5, "3.5355e-301", NULL, false);
        assert_value("sqrt(10^40+1)-10^20", 5, "5e-21", NULL, false);
        /* The smallest that sums of so many roots of such numbers come to. */
        assert_value("sqrt(10)+sqrt(11)-sqrt(5)-sqrt(18)", 3, "0.000194", NULL, false);
        assert_value("sqrt(29)+sqrt(43)+sqrt(44)-sqrt(33)-sqrt(37)-sqrt(46)", 3, "-0.0338", NULL, false);
}

/* An error names what it is and the character where it is. */
static void test_faults(void **state)
{
        static const struct {
                const char *text;
                enum expression_fault fault;
                unsigned position;
        } cases[] = {
                {"1/0", EXPRESSION_DIVISION_BY_ZERO, 2},
                {"3 \u00f7 (2-2)", EXPRESSION_DIVISION_BY_ZERO, 3},
                {"\u2212\u2212\u22121/0", EXPRESSION_DIVISION_BY_ZERO, 5},
                {"sqrt(2)/0", EXPRESSION_DIVISION_BY_ZERO, 8},
                {"1/(0*sqrt(2))", EXPRESSION_DIVISION_BY_ZERO, 2},
                {"0^-1", EXPRESSION_DIVISION_BY_ZERO, 2},
                {"1+sqrt(0-1)", EXPRESSION_BAD_OPERAND, 3},
                {"sqrt(sqrt(2)-3)", EXPRESSION_BAD_OPERAND, 1},
                {"ln(0)", EXPRESSION_BAD_OPERAND, 1},
                {"ln(sqrt(2)-3)", EXPRESSION_BAD_OPERAND, 1},
                {"log10(-1)", EXPRESSION_BAD_OPERAND, 1},
                {"2^0.5", EXPRESSION_BAD_OPERAND, 3},
                {"2^sqrt(2)", EXPRESSION_BAD_OPERAND, 3},
                {"2^65536", EXPRESSION_TOO_LARGE, 2},
                {"2^99999999999999999999999999", EXPRESSION_TOO_LARGE, 2},
                {"1e19000*1e19000", EXPRESSION_TOO_LARGE, 8},
                {"1e99999999999999999999999999", EXPRESSION_TOO_LARGE, 1},
                {"1e-99999999999999999999999999", EXPRESSION_TOO_LARGE, 1},
                {"exp(1e9)", EXPRESSION_TOO_LARGE, 1},
                {"exp(-1e6)", EXPRESSION_TOO_LARGE, 1},
                {"exp(1e300)", EXPRESSION_TOO_LARGE, 1},
                {"exp(exp(exp(10)))", EXPRESSION_TOO_LARGE, 1},
                {"1/(sqrt(2)-sqrt(2))", EXPRESSION_DIVISION_BY_ZERO, 2},
                {"ln(sqrt(2)*sqrt(2)-2)", EXPRESSION_BAD_OPERAND, 1},
                {"ln(2)+ln(3)-ln(6)", EXPRESSION_UNDECIDED, 12},
                {"1/(exp(1)-exp(1))", EXPRESSION_UNDECIDED, 2},
                {"ln(2)/ln(2)+5e-34", EXPRESSION_UNDECIDED, 12},
                {"", EXPRESSION_INVALID, 1},
                {"  ", EXPRESSION_INVALID, 3},
                {"\u00d73", EXPRESSION_INVALID, 1},
                {"2 3", EXPRESSION_INVALID, 3},
                {"2+", EXPRESSION_INVALID, 3},
                {"((1)", EXPRESSION_INVALID, 5},
                {"(1))", EXPRESSION_INVALID, 4},
                {"pi", EXPRESSION_INVALID, 1},
                {"sqrt 2", EXPRESSION_INVALID, 6},
                {"sqrt(1,2)", EXPRESSION_INVALID, 7},
                {"power(2)", EXPRESSION_INVALID, 8},
                {"1.5.2", EXPRESSION_INVALID, 4},
                {".", EXPRESSION_INVALID, 1},
                {"1e", EXPRESSION_INVALID, 2},
                {"0x10", EXPRESSION_INVALID, 2},
                {"1;2", EXPRESSION_INVALID, 2},
                {"\xff", EXPRESSION_INVALID, 1},
        };

        for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
                assert_fault(cases[i].text, cases[i].fault, cases[i].position);
}

/* What lies between `head` and `tail` so many times that the text has `size` bytes at most. */
static char *repeat(const char *head, const char *part, const char *tail, size_t size)
{
        struct buf text = BUF_EMPTY;
        char *taken;

        buf_append_str(&text, head);
        while (buf_size(&text) + strlen(part) + strlen(tail) <= size)
                buf_append_str(&text, part);
        buf_append_str(&text, tail);
        taken = buf_take(&text, NULL);
        assert_non_null(taken);
        return taken;
}

/* Size and depth are bounded, and what is within them is no crash. */
static void test_bounds(void **state)
{
        struct expression_result result;
        struct expression_error error;
        _cleanup_free_ char *deep = repeat("", "(", "1", 4000);
        _cleanup_free_ char *signs = repeat("", "-", "1", 4000);
        _cleanup_free_ char *powers = repeat("", "1^", "1", 4000);
        _cleanup_free_ char *longest = repeat("", "1+", "10", EXPRESSION_SIZE_MAX);
        _cleanup_free_ char *longer = repeat("", "1+", "1", EXPRESSION_SIZE_MAX + 2);

        assert_fault(deep, EXPRESSION_INVALID, 101);
        assert_fault(signs, EXPRESSION_INVALID, 101);
        assert_fault(powers, EXPRESSION_INVALID, 201);
        assert_fault(longer, EXPRESSION_INVALID, 1);
        assert_int_equal(evaluate(longest, 34, &result, &error), 0);
        assert_string_equal(result.value, "2057");
        expression_result_done(&result);
}

/* The count of steps ends what the clock need not, at the same place everywhere; and so does the clock. */
static void test_work(void **state)
{
        struct expression_result result;
        struct expression_error error, again;
        _cleanup_free_ char *heavy = repeat("", "ln(3)-ln(3)+", "ln(3)-ln(3)", EXPRESSION_SIZE_MAX);

        assert_int_equal(evaluate(heavy, EXPRESSION_DIGITS_MAX, &result, &error), -EBADMSG);
        assert_int_equal(error.fault, EXPRESSION_TOO_LARGE);
        assert_int_equal(evaluate(heavy, EXPRESSION_DIGITS_MAX, &result, &again), -EBADMSG);
        assert_int_equal(error.position, again.position);
        assert_int_equal(expression_evaluate(heavy, strlen(heavy), EXPRESSION_DIGITS_MAX, 0, &result, &again),
                         -EBADMSG);
        assert_int_equal(again.fault, EXPRESSION_TOO_LARGE);
        assert_true(again.position <= error.position);
}

/* Checking says the same of the text as evaluating. */
static void test_check(void **state)
{
        struct expression_error error;

        assert_int_equal(expression_check("1/0", 3, &error), 0);
        assert_int_equal(expression_check("1/", 2, &error), -EBADMSG);
        assert_int_equal(error.position, 3);
        assert_int_equal(expression_check("1\0+1", 4, &error), -EBADMSG);
}

static int free_caches(void **state)
{
        expression_thread_done();
        return 0;
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_rational), cmocka_unit_test(test_irrational),
                cmocka_unit_test(test_zero),     cmocka_unit_test(test_faults),
                cmocka_unit_test(test_bounds),   cmocka_unit_test(test_work),
                cmocka_unit_test(test_check),
        };

        return cmocka_run_group_tests(tests, NULL, free_caches);
}
