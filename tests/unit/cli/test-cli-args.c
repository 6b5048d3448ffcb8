/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <string.h>

#include "base/macro.h"
#include "cli/cli_args.h"

static const struct cli_option common[] = {{"json", NULL, ""}, {"config-dir", "DIR", ""}, {0}};
static const struct cli_option own[] = {{"limit", "N", ""}, {"watch", NULL, ""}, {0}};

static int parse(struct cli_args *args, char *error, size_t n, const char *const *argv, int argc)
{
        return cli_args_parse(args, argc, (char *const *)argv, common, own, error, n);
}
#define PARSE(args, error, ...)                                                                              \
        parse(args, error, sizeof(error), (const char *const[]){__VA_ARGS__},                                \
              (int)ARRAY_SIZE(((const char *const[]){__VA_ARGS__})))

/* Options and operands come in any order, values in either form. */
static void test_forms(void **state)
{
        struct cli_args a;
        char error[160];

        assert_int_equal(PARSE(&a, error, "A1", "--limit", "5", "--json", "B2", "--config-dir=/x=y", "-"), 0);
        assert_int_equal(a.n_operands, 3);
        assert_string_equal(a.operands[0], "A1");
        assert_string_equal(a.operands[1], "B2");
        assert_string_equal(a.operands[2], "-");
        assert_string_equal(cli_args_get(&a, "limit"), "5");
        assert_string_equal(cli_args_get(&a, "config-dir"), "/x=y");
        assert_true(cli_args_has(&a, "json"));
        assert_false(cli_args_has(&a, "watch"));
}

/* The last one counts; -- ends the options. */
static void test_order(void **state)
{
        struct cli_args a;
        char error[160];

        assert_int_equal(PARSE(&a, error, "--limit=1", "--limit=2", "--", "--json"), 0);
        assert_string_equal(cli_args_get(&a, "limit"), "2");
        assert_false(cli_args_has(&a, "json"));
        assert_string_equal(a.operands[0], "--json");
}

/* Mistakes are told by name. */
static void test_mistakes(void **state)
{
        struct cli_args a;
        char error[160];

        assert_int_equal(PARSE(&a, error, "--nope"), -EINVAL);
        assert_non_null(strstr(error, "--nope"));
        assert_int_equal(PARSE(&a, error, "--lim", "1"), -EINVAL);
        assert_int_equal(PARSE(&a, error, "--limit"), -EINVAL);
        assert_non_null(strstr(error, "--limit needs a value"));
        assert_int_equal(PARSE(&a, error, "--json=yes"), -EINVAL);
        assert_non_null(strstr(error, "takes no value"));
        assert_int_equal(PARSE(&a, error, "-j"), -EINVAL);
        assert_non_null(strstr(error, "-j"));
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_forms),
                cmocka_unit_test(test_order),
                cmocka_unit_test(test_mistakes),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
