/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>

#include "base/macro.h"
#include "web/web_etag.h"

/* If-Match names one version of ours, or anything. */
static void test_if_match(void **state)
{
        static const struct {
                const char *header;
                int r;
                int64_t version;
        } cases[] = {
                {"\"7\"", 0, 7},
                {" \"7\"\t", 0, 7},
                {"\"9223372036854775806\"", 0, INT64_MAX - 1},
                {"*", 0, WEB_MATCH_ANY},
                {" * ", 0, WEB_MATCH_ANY},
                /* Well-formed, but no version of ours: mismatches everything. */
                {"W/\"7\"", 0, WEB_MATCH_NEVER},
                {"\"\"", 0, WEB_MATCH_NEVER},
                {"\"abc\"", 0, WEB_MATCH_NEVER},
                {"\"07\"", 0, WEB_MATCH_NEVER},
                {"\"-1\"", 0, WEB_MATCH_NEVER},
                {"\"7 \"", -EINVAL, 0},
                {"\"99999999999999999999\"", 0, WEB_MATCH_NEVER},
                {"\"7,8\"", 0, WEB_MATCH_NEVER},
                {"\"7\", \"8\"", -E2BIG, 0},
                {"", -EINVAL, 0},
                {"7", -EINVAL, 0},
                {"\"7", -EINVAL, 0},
                {"7\"", -EINVAL, 0},
                {"\"7\"x", -EINVAL, 0},
                {"w/\"7\"", -EINVAL, 0},
                {"**", -EINVAL, 0},
                {"*, \"7\"", -EINVAL, 0},
        };

        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                int64_t version = 42;

                assert_int_equal(web_if_match_parse(cases[i].header, &version), cases[i].r);
                assert_int_equal(version, cases[i].r == 0 ? cases[i].version : 42);
        }
}

/* If-None-Match finds the version in a list, weak or strong; what is malformed matches nothing. */
static void test_if_none_match(void **state)
{
        static const char *const yes[] = {"\"7\"",  "W/\"7\"",         "*",
                                          " * ",    "\"1\", \"7\"",    "\"1\",W/\"7\"",
                                          ",\"7\"", "\"a,b\" , \"7\"", "\"7\", broken"};
        static const char *const no[] = {
                "",         "7",     "\"8\"", "\"77\"", "\"1\" \"7\"", "\"1\"; \"7\"", "broken, \"7\"",
                "*, \"7\"", "\"07\""};

        for (size_t i = 0; i < ARRAY_SIZE(yes); i++)
                assert_true(web_if_none_match(yes[i], 7));
        for (size_t i = 0; i < ARRAY_SIZE(no); i++)
                assert_false(web_if_none_match(no[i], 7));
}

/* What is formatted is read again, also for the largest version. */
static void test_round_trip(void **state)
{
        static const int64_t versions[] = {0, 1, 1234567890123, INT64_MAX - 1};
        char etag[WEB_ETAG_SIZE];
        int64_t version;

        for (size_t i = 0; i < ARRAY_SIZE(versions); i++) {
                web_etag_format(versions[i], etag);
                assert_int_equal(web_if_match_parse(etag, &version), 0);
                assert_int_equal(version, versions[i]);
                assert_true(web_if_none_match(etag, versions[i]));
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_if_match),
                cmocka_unit_test(test_if_none_match),
                cmocka_unit_test(test_round_trip),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
