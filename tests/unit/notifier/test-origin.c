/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/macro.h"
#include "notifier/origin.h"

static void test_origins(void **state)
{
        static const struct {
                const char *origin, *host;
                bool has_token;
                const char *allowed;
                bool is_allowed;
        } cases[] = {
                /* no browser */
                {NULL, "127.0.0.1:8002", false, "", true},
                /* our own page */
                {"http://127.0.0.1:8002", "127.0.0.1:8002", false, "", true},
                {"http://localhost:8002", "localhost:8002", false, "", true},
                {"https://[::1]:8445", "[::1]:8445", false, "", true},
                {"http://LocalHost:8002", "localhost:8002", false, "", true},
                /* somebody else's */
                {"http://evil.example", "127.0.0.1:8002", false, "", false},
                {"http://evil.example", "127.0.0.1:8002", true, "", false},
                {"http://127.0.0.1:9999", "127.0.0.1:8002", false, "", false},
                {"null", "127.0.0.1:8002", false, "", false},
                {"", "127.0.0.1:8002", false, "", false},
                {"http://127.0.0.1:8002", NULL, false, "", false},
                /* a name that somebody else made to lead here */
                {"http://evil.example:8002", "evil.example:8002", false, "", false},
                {"http://localhost.evil.example:8002", "localhost.evil.example:8002", false, "", false},
                {"http://evil.example:8002", "evil.example:8002", true, "", true},
                /* as the administrator says */
                {"https://shop.example", "127.0.0.1:8002", false,
                 "https://desk.example  https://shop.example", true},
                {"https://shop.example.evil", "127.0.0.1:8002", false, "https://shop.example", false},
                {"https://shop", "127.0.0.1:8002", false, "https://shop.example", false},
                {"null", "127.0.0.1:8002", false, "*", true},
        };

        for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
                if (origin_is_allowed(cases[i].origin, cases[i].host, cases[i].has_token, cases[i].allowed) !=
                    cases[i].is_allowed)
                        fail_msg("case %zu: %s at %s", i, cases[i].origin, cases[i].host);
}

int main(void)
{
        static const struct CMUnitTest tests[] = {cmocka_unit_test(test_origins)};

        return cmocka_run_group_tests_name("origin", tests, NULL, NULL);
}
