/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/macro.h"
#include "cli/cli_child.h"

static int run(const char *script, const char *input, usec_t limit, struct buf *output, struct buf *errors)
{
        const char *const argv[] = {"sh", "-c", script, NULL};
        const struct cli_child child = {.argv = argv, .input = input, .limit_usec = limit};

        return cli_child_run(&child, output, errors);
}

/* Input goes in, both outputs come out, and the exit status is the program's. */
static void test_streams(void **state)
{
        _cleanup_(buf_done) struct buf output = BUF_EMPTY, errors = BUF_EMPTY;

        assert_int_equal(run("cat; echo no >&2; exit 3", "secret", 60 * USEC_PER_SEC, &output, &errors), 3);
        assert_string_equal(buf_bytes(&output), "secret");
        assert_string_equal(buf_bytes(&errors), "no\n");
}

/* A program that reads nothing, one that is killed, and none at all are told apart. */
static void test_ends(void **state)
{
        static const char *const nowhere[] = {"lonja-no-such-program", NULL};
        const struct cli_child missing = {.argv = nowhere, .limit_usec = 60 * USEC_PER_SEC};
        _cleanup_(buf_done) struct buf output = BUF_EMPTY, errors = BUF_EMPTY;

        assert_int_equal(run("exit 0", "ignored", 60 * USEC_PER_SEC, &output, &errors), 0);
        assert_int_equal(run("kill -9 $$", NULL, 60 * USEC_PER_SEC, &output, &errors), 128 + 9);
        assert_int_equal(cli_child_run(&missing, &output, &errors), -ENOENT);
}

/* The limit ends it together with what it started, although that still holds the pipes. */
static void test_limit(void **state)
{
        _cleanup_(buf_done) struct buf output = BUF_EMPTY, errors = BUF_EMPTY;
        usec_t before = clock_monotonic_usec();

        assert_int_equal(run("sleep 600 & sleep 600", NULL, 50 * USEC_PER_MSEC, &output, &errors), -ETIME);
        assert_true(clock_monotonic_usec() - before < 60 * USEC_PER_SEC);
}

/* Who asks where our database is gets the host's answer, not that of the caller's environment. */
static void test_environment(void **state)
{
        _cleanup_(buf_done) struct buf output = BUF_EMPTY, errors = BUF_EMPTY;

        assert_int_equal(setenv("LONJA_DATABASE", "dbname=other", 1), 0);
        assert_int_equal(run("echo \"$LONJA_DATABASE\"", NULL, 60 * USEC_PER_SEC, &output, &errors), 0);
        assert_string_equal(buf_bytes(&output), "\n");
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_streams),
                cmocka_unit_test(test_ends),
                cmocka_unit_test(test_limit),
                cmocka_unit_test(test_environment),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
