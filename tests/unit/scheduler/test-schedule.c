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

#include "base/alloc.h"
#include "base/str.h"
#include "scheduler/schedule_file.h"

static int parse(const char *name, const char *text, json_t **ret, struct buf *messages)
{
        struct zone_book zones;
        int r;

        zone_book_init(&zones);
        r = schedule_file_parse("x.conf", name, text, strlen(text), &zones, ret, messages);
        zone_book_done(&zones);
        return r;
}

static const char *text_of(const json_t *object, const char *member)
{
        return json_string_value(json_object_get(object, member));
}

/* A file has the fields of REST, and what is absent has its default. */
static void test_file(void **state)
{
        static const char text[] = "# a comment\n[Schedule]\ncron=*/6 * * * *\ntimezone=Europe/Madrid\n"
                                   "task=products.adjust_prices\nkwargs={\"factor\": \"1.1\"}\nenabled=no\n";
        struct buf messages = BUF_EMPTY;
        json_t *one = NULL;

        assert_int_equal(parse("up", text, &one, &messages), 0);
        assert_string_equal(text_of(one, "name"), "up");
        assert_string_equal(text_of(one, "cron"), "*/6 * * * *");
        assert_string_equal(text_of(one, "timezone"), "Europe/Madrid");
        assert_string_equal(text_of(json_object_get(one, "kwargs"), "factor"), "1.1");
        assert_string_equal(text_of(one, "queue"), "lonja.tasks.products");
        assert_string_equal(text_of(one, "overlap"), "allow");
        assert_string_equal(text_of(one, "catch_up"), "last");
        assert_true(json_is_false(json_object_get(one, "enabled")));
        assert_true(json_is_null(json_object_get(one, "every")));
        assert_int_equal(json_integer_value(json_object_get(one, "timeout_usec")), INT64_C(3600000000));
        assert_int_equal(buf_size(&messages), 0);
        json_decref(one);
        buf_done(&messages);
}

/* What is wrong is told with its line, all of it. */
static void test_wrong_files(void **state)
{
        static const struct {
                const char *name, *text, *messages[2];
        } cases[] = {
                {"a b", "[Schedule]\nevery=1s\ntask=t\n", {"x.conf:0: the file is named"}},
                {"a", "[Schedule]\nevery=1s\n", {"x.conf:0: task: is required"}},
                {"a", "[Schedule]\ntask=t\n", {"x.conf:0: every: is either"}},
                {"a", "[Schedule]\ntask=t\nevery=1s\ncron=* * * * *\n", {"x.conf:4: cron: is either"}},
                {"a",
                 "[Schedule]\ntask=t\ncron=* * * *\n\ntimezone=Mars/X\n",
                 {"x.conf:3: cron: must be five", "x.conf:5: timezone: must be a time zone"}},
                {"a", "[Schedule]\ntask=t\nevery=10s\njitter=10s\n", {"x.conf:4: jitter: must be shorter"}},
                {"a", "[Schedule]\ntask=t\nevery=1s\nargs={}\n", {"x.conf:4: args: must be an array"}},
                {"a", "[Schedule]\ntask=t\nevery=1s\nargs=[\n", {"x.conf:4: args: must be JSON"}},
                {"a", "[Schedule]\ntask=t\nevery=1s\nenabled=perhaps\n", {"x.conf:4: enabled: must be yes"}},
                {"a",
                 "[Schedule]\ntask=t\nevery=1s\npriority=high\n",
                 {"x.conf:4: priority: must be a number"}},
                {"a", "[Schedule]\ntask=t\nevery=1s\ncolour=red\n", {"x.conf:4: "}},
                {"a", "[Other]\ntask=t\n", {"x.conf:"}},
                {"a", "[Schedule]\ntask=t\nevery=1s\ntimezone=../../etc/passwd\ncron=\n", {NULL}},
        };

        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                struct buf messages = BUF_EMPTY;
                json_t *one = NULL;
                int r;

                r = parse(cases[i].name, cases[i].text, &one, &messages);
                assert_int_equal(r, cases[i].messages[0] ? -EINVAL : 0);
                buf_append_char(&messages, '\0');
                for (size_t k = 0; k < 2 && cases[i].messages[k]; k++)
                        if (!strstr(buf_bytes(&messages), cases[i].messages[k]))
                                fail_msg("case %zu: \"%s\" lacks \"%s\"", i, buf_bytes(&messages),
                                         cases[i].messages[k]);
                json_decref(one);
                buf_done(&messages);
        }
}

/* Zones are files below one folder, and nothing else. */
static void test_zone_book(void **state)
{
        static const char *const wrong[] = {"",       "/etc/passwd", "../zoneinfo/UTC",
                                            "Europe", "tzdata.zi",   "Mars/X"};
        const struct zone *madrid, *again, *none;
        struct zone_book zones;

        zone_book_init(&zones);
        for (size_t i = 0; i < ARRAY_SIZE(wrong); i++)
                assert_int_equal(zone_book_get(&zones, wrong[i], &none), -ENOENT);
        assert_int_equal(zone_book_get(&zones, "Europe/Madrid", &madrid), 0);
        assert_int_equal(zone_book_get(&zones, "Europe/Madrid", &again), 0);
        assert_ptr_equal(madrid, again);
        assert_int_equal(zone_book_get(&zones, "Etc/GMT+5", &again), 0);
        zone_book_done(&zones);
}

/* RFC 7396. */
static void test_patch(void **state)
{
        json_t *target = json_loads("{\"a\":1,\"b\":{\"c\":2,\"d\":3},\"e\":[1]}", 0, NULL);
        json_t *patch = json_loads("{\"a\":null,\"b\":{\"c\":null,\"f\":4},\"e\":[2],\"g\":\"h\"}", 0, NULL);
        json_t *wanted = json_loads("{\"b\":{\"d\":3,\"f\":4},\"e\":[2],\"g\":\"h\"}", 0, NULL);

        assert_int_equal(schedule_patch(target, patch), 0);
        assert_true(json_equal(target, wanted));
        json_decref(target);
        json_decref(patch);
        json_decref(wanted);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_file),
                cmocka_unit_test(test_wrong_files),
                cmocka_unit_test(test_zone_book),
                cmocka_unit_test(test_patch),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
