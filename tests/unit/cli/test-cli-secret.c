/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>

#include "cli/cli_secret.h"

static void with_password(const char *uri, const char *wanted)
{
        char *made = cli_secret_in_amqp(uri, "p@ss/word");

        assert_string_equal(made, wanted);
        free(made);
}

/* The password goes behind the user's name, escaped, unless there is one. */
static void test_amqp_password(void **state)
{
        with_password("amqp://lonja@127.0.0.1:5672/lonja", "amqp://lonja:p%40ss%2Fword@127.0.0.1:5672/lonja");
        with_password("amqps://a%40b@[::1]/x@y", "amqps://a%40b:p%40ss%2Fword@[::1]/x@y");
        with_password("amqp://lonja:own@host/lonja", "amqp://lonja:own@host/lonja");
        with_password("amqp://host:5672/a@b", "amqp://host:5672/a@b");
        with_password("nonsense", "nonsense");
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_amqp_password),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
