/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/macro.h"
#include "cli/cli_until.h"

static const char *const fields[] = {"code", "selling_price", "buying_price", "version", "description", NULL};

static bool holds(const char *text)
{
        json_t *product =
                json_pack("{s:s, s:s, s:s, s:i, s:s}", "code", "A1", "selling_price", "110.00",
                          "buying_price", "9.90", "version", 7, "description", "it's (new) && good");
        struct cli_until *u = NULL;
        char error[160] = "";
        bool is;

        if (cli_until_parse(text, fields, &u, error, sizeof(error)) < 0)
                print_error("%s: %s\n", text, error);
        assert_non_null(u);
        is = cli_until_is_true(u, product);
        cli_until_free(u);
        json_decref(product);
        return is;
}

/* Prices are compared as numbers, not as text, and exactly. */
static void test_numbers(void **state)
{
        assert_true(holds("selling_price>=110"));
        assert_true(holds("selling_price >= 110.000"));
        assert_false(holds("selling_price>110"));
        assert_true(holds("selling_price>9.9"));
        assert_true(holds("buying_price<10"));
        assert_true(holds("buying_price=9.9"));
        assert_true(holds("buying_price==009.90"));
        assert_true(holds("buying_price!=9.91"));
        assert_true(holds("version<=7"));
        assert_true(holds("selling_price > -5"));
        assert_true(holds("selling_price < 110.00000000000000000000000000000000001"));
}

/* What is no number is text. */
static void test_text(void **state)
{
        assert_true(holds("code=A1"));
        assert_true(holds("code == 'A1'"));
        assert_false(holds("code==a1"));
        assert_true(holds("code<B"));
        assert_true(holds("description == \"it's (new) && good\""));
        assert_false(holds("description == ''"));
}

/* && binds tighter than ||; parentheses decide. */
static void test_logic(void **state)
{
        assert_true(holds("version=7 || version=8 && code=none"));
        assert_false(holds("(version=7 || version=8) && code=none"));
        assert_true(holds("version=1||version=2||version=7"));
        assert_true(holds("version=7&&code=A1&&selling_price=110"));
        assert_true(holds("((version=7))"));
}

static void refused(const char *text, const char *why)
{
        struct cli_until *u = NULL;
        char error[160] = "";

        assert_int_equal(cli_until_parse(text, fields, &u, error, sizeof(error)), -EINVAL);
        assert_null(u);
        if (!strstr(error, why))
                fail_msg("%s: %s", text, error);
}

/* Each mistake is told, with its place. */
static void test_mistakes(void **state)
{
        char many[1000] = "version=1", deep[200];

        refused("", "missing at the end");
        refused("price>1", "no field at 'price>1'");
        refused("selling_price", "== != < <= > >=");
        refused("selling_price>", "a value is missing");
        refused("selling_price>=110 extra", "from 'extra' on");
        refused("version=1 &&", "missing at the end");
        refused("version=1 & version=2", "from '& version=2' on");
        refused("(version=1", "')' is missing");
        refused("code='A1", "does not end");
        for (unsigned i = 0; i < 20; i++)
                strncat(many, "||version=1", sizeof(many) - strlen(many) - 1);
        refused(many, "more than");
        memset(deep, '(', sizeof(deep) - 1);
        deep[sizeof(deep) - 1] = '\0';
        refused(deep, "parentheses");
}

/* A field that the product lacks never makes the condition true. */
static void test_absent(void **state)
{
        json_t *empty = json_object();
        struct cli_until *u;
        char error[160];

        assert_int_equal(cli_until_parse("version!=1", fields, &u, error, sizeof(error)), 0);
        assert_false(cli_until_is_true(u, empty));
        cli_until_free(u);
        json_decref(empty);
}

/* The order of decimals is that of the numbers. */
static void test_decimals(void **state)
{
        const char *const ascending[] = {"-100", "-99.5", "-0.1", "-0.09", "-0",   "0.000001", "0.1",
                                         "1",    "1.05",  "1.5",  "9",     "10.0", "100"};
        int c;

        for (size_t a = 0; a < ARRAY_SIZE(ascending); a++)
                for (size_t b = 0; b < ARRAY_SIZE(ascending); b++) {
                        assert_int_equal(cli_decimal_compare(ascending[a], ascending[b], &c), 0);
                        assert_int_equal((c > 0) - (c < 0), (a > b) - (a < b));
                }
        assert_int_equal(cli_decimal_compare("-0.0", "+0", &c), 0);
        assert_int_equal(c, 0);
        assert_int_equal(cli_decimal_compare("1.", "1", &c), -EINVAL);
        assert_int_equal(cli_decimal_compare(".5", "1", &c), -EINVAL);
        assert_int_equal(cli_decimal_compare("1e5", "1", &c), -EINVAL);
        assert_int_equal(cli_decimal_compare("", "1", &c), -EINVAL);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_numbers), cmocka_unit_test(test_text),
                cmocka_unit_test(test_logic),   cmocka_unit_test(test_mistakes),
                cmocka_unit_test(test_absent),  cmocka_unit_test(test_decimals),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
