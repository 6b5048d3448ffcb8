/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <string.h>

#include "base/alloc.h"
#include "base/macro.h"
#include "base/parse.h"
#include "base/str.h"
#include "contract/names.h"
#include "contract/task_message.h"

#define ID "6c3f2a52-6f53-4b9a-8a36-5f5f1c1a4f01"
#define NO_FOLLOWERS "{\"callbacks\": null, \"errbacks\": null, \"chain\": null, \"chord\": null}"

static int decode(const struct header *headers, const char *body, struct task_message *ret, char *reason)
{
        return task_message_decode(headers, TASK_MEDIA, TASK_ENCODING, body, strlen(body), ret, reason);
}

static int64_t at(const char *time)
{
        int64_t usec;

        assert_int_equal(parse_rfc3339(time, &usec), 0);
        return usec;
}

/* Header for header what Celery 5.2 sends for send_task(..., countdown=, expires=, time_limit=30,
 * soft_time_limit=10). */
static void test_celery(void **state)
{
        const struct header limits[] = {
                {"", .type = HEADER_INT, .number = 30}, {"", .type = HEADER_INT, .number = 10}, {0}};
        const struct header headers[] = {
                {"lang", "py"},
                {"task", "products.import"},
                {"id", ID},
                {"shadow", .type = HEADER_NULL},
                {"eta", "2026-11-30T18:36:10.063229+00:00"},
                {"expires", "2026-11-30T20:37:05.063229+02:00"},
                {"group", .type = HEADER_NULL},
                {"group_index", .type = HEADER_NULL},
                {"retries", .type = HEADER_INT, .number = 2},
                {"timelimit", .type = HEADER_LIST, .items = limits},
                {"root_id", ID},
                {"parent_id", .type = HEADER_NULL},
                {"argsrepr", "['ñandú ☃']"},
                {"kwargsrepr", "{'rows': [{'code': 'A1'}]}"},
                {"origin", "gen26949@shop"},
                {"ignore_result", .type = HEADER_BOOL},
                {0},
        };
        char reason[TASK_REASON_SIZE];
        struct task_message m;

        assert_int_equal(
                decode(headers,
                       "[[\"\\u00f1and\\u00fa \\u2603\"], {\"rows\": [{\"code\": \"A1\"}]}, " NO_FOLLOWERS
                       "]",
                       &m, reason),
                0);
        assert_string_equal(m.task, "products.import");
        assert_string_equal(m.id, ID);
        assert_string_equal(m.origin, "gen26949@shop");
        assert_null(m.shadow);
        assert_null(m.group);
        assert_true(m.eta_usec == at("2026-11-30T18:36:10.063229Z"));
        assert_true(m.expires_usec == at("2026-11-30T18:37:05.063229Z"));
        assert_int_equal(m.retries, 2);
        assert_int_equal(m.hard_limit_usec, 30 * USEC_PER_SEC);
        assert_int_equal(m.soft_limit_usec, 10 * USEC_PER_SEC);
        assert_false(m.ignore_result);
        assert_false(m.has_followers);
        assert_string_equal(json_string_value(json_array_get(m.args, 0)), "ñandú ☃");
        assert_int_equal(json_array_size(json_object_get(m.kwargs, "rows")), 1);
        task_message_done(&m);
}

/* A naive time is UTC; what other clients leave out is nothing. */
static void test_sparse(void **state)
{
        const struct header headers[] = {{"task", "a.b"}, {"id", "1"}, {"eta", "2026-12-01T10:00:00"}, {0}};
        char reason[TASK_REASON_SIZE];
        struct task_message m;

        assert_int_equal(task_message_decode(headers, TASK_MEDIA, "", "[[],{},null]", 12, &m, reason), 0);
        assert_true(m.eta_usec == at("2026-12-01T10:00:00Z"));
        assert_true(m.expires_usec == TASK_NO_TIME);
        assert_int_equal(m.retries, 0);
        task_message_done(&m);
}

/* What hangs on a task is seen, in each of the four places. */
static void test_followers(void **state)
{
        static const char *const embeds[] = {
                "{\"callbacks\":[{\"task\":\"x\"}]}", "{\"errbacks\":[{\"task\":\"x\"}]}",
                "{\"chain\":[{\"task\":\"x\"}],\"callbacks\":[]}", "{\"chord\":{\"task\":\"x\"}}"};
        const struct header headers[] = {{"task", "a.b"}, {"id", "1"}, {0}};
        char reason[TASK_REASON_SIZE], body[100];
        struct task_message m;

        for (size_t i = 0; i < ARRAY_SIZE(embeds); i++) {
                (void)snprintf(body, sizeof(body), "[[],{},%s]", embeds[i]);
                assert_int_equal(decode(headers, body, &m, reason), 0);
                assert_true(m.has_followers);
                task_message_done(&m);
        }
        assert_int_equal(decode(headers, "[[],{},{\"chain\":[],\"chord\":{}}]", &m, reason), 0);
        assert_false(m.has_followers);
        task_message_done(&m);
}

/* What is no such task is refused with words that an operator can act on. */
static void test_refused(void **state)
{
        const struct header one[] = {{"", .type = HEADER_INT, .number = 1}, {0}};
        const struct header negative[] = {
                {"", .type = HEADER_INT, .number = -1}, {"", .type = HEADER_NULL}, {0}};
        const struct {
                struct header extra[2];
                const char *type, *encoding, *body, *reason;
        } cases[] = {
                {{{0}}, "application/x-python-serialize", "binary", "x", "the content type must be"},
                {{{0}}, NULL, NULL, "x", "the content type must be"},
                {{{0}}, TASK_MEDIA, "latin-1", "x", "the content encoding must be"},
                {{{"compression", "application/x-gzip"}}, TASK_MEDIA, "", "x", "compressed"},
                {{{"eta", "tomorrow"}}, TASK_MEDIA, "", "[[],{},null]", "header eta must be"},
                {{{"expires", .type = HEADER_INT, .number = 7}},
                 TASK_MEDIA,
                 "",
                 "[[],{},null]",
                 "header expires"},
                {{{"retries", .type = HEADER_INT, .number = -1}},
                 TASK_MEDIA,
                 "",
                 "[[],{},null]",
                 "header retries"},
                {{{"retries", "0"}}, TASK_MEDIA, "", "[[],{},null]", "header retries"},
                {{{"timelimit", .type = HEADER_LIST, .items = one}},
                 TASK_MEDIA,
                 "",
                 "[[],{},null]",
                 "header timelimit"},
                {{{"timelimit", .type = HEADER_LIST, .items = negative}},
                 TASK_MEDIA,
                 "",
                 "[[],{},null]",
                 "header timelimit"},
                {{{"root_id", "with space"}}, TASK_MEDIA, "", "[[],{},null]", "header root_id"},
                {{{"group", .type = HEADER_OTHER}}, TASK_MEDIA, "", "[[],{},null]", "header group"},
                {{{0}}, TASK_MEDIA, "", "", "the body is not valid JSON"},
                {{{0}}, TASK_MEDIA, "", "[[],{}]", "the body must be [args, kwargs, embed]"},
                {{{0}}, TASK_MEDIA, "", "[{},[],{}]", "the body must be [args, kwargs, embed]"},
                {{{0}}, TASK_MEDIA, "", "[[],{},7]", "the body must be [args, kwargs, embed]"},
                {{{0}}, TASK_MEDIA, "", "{\"task\":\"x\",\"id\":\"1\",\"args\":[]}", "the body must be"},
        };
        char reason[TASK_REASON_SIZE], name[TASK_ID_MAX + 2];
        struct header headers[4] = {{"task", "a.b"}, {"id", "1"}};
        struct task_message m;

        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                headers[2] = cases[i].extra[0];
                assert_int_equal(task_message_decode(headers, cases[i].type, cases[i].encoding, cases[i].body,
                                                     strlen(cases[i].body), &m, reason),
                                 -EBADMSG);
                assert_non_null(startswith(reason, cases[i].reason));
        }
        headers[2] = (struct header){0};
        memset(name, 'a', sizeof(name));
        name[TASK_ID_MAX + 1] = '\0';
        headers[1].text = name;
        assert_int_equal(decode(headers, "[[],{},null]", &m, reason), -EBADMSG);
        headers[1].text = name + 1;
        assert_int_equal(decode(headers, "[[],{},null]", &m, reason), 0);
        task_message_done(&m);
        assert_int_equal(decode(headers + 1, "[[],{},null]", &m, reason), -EBADMSG);
        assert_string_equal(reason, "not a task of Celery's message protocol 2: no header task");
        assert_int_equal(decode(NULL, "[[],{},null]", &m, reason), -EBADMSG);
}

/* What is encoded is read back; the representations are cut between characters. */
static void test_encode(void **state)
{
        _cleanup_json_ json_t *args = json_array(), *kwargs = json_pack("{s:s}", "factor", "1.1");
        struct task_message m = {.id = ID,
                                 .task = "products.adjust_prices",
                                 .args = args,
                                 .kwargs = kwargs,
                                 .eta_usec = at("2026-12-01T10:00:00.5Z"),
                                 .expires_usec = TASK_NO_TIME,
                                 .hard_limit_usec = 1500 * USEC_PER_MSEC,
                                 .soft_limit_usec = USEC_PER_SEC,
                                 .request_id = "req-1"},
                            again;
        char reason[TASK_REASON_SIZE], text[3000];
        struct task_wire w = {.eta = ""};
        _cleanup_free_ char *body = NULL;
        const char *shown;

        for (size_t i = 0; i + 3 < sizeof(text); i += 2)
                memcpy(text + i, "ñ", 3);
        json_array_append_new(args, json_string(text));
        assert_int_equal(task_wire_encode(&w, &m), 0);
        assert_string_equal(header_text(w.headers, "eta"), "2026-12-01T10:00:00.500000+00:00");
        assert_int_equal(header_find(w.headers, "expires")->type, HEADER_NULL);
        assert_string_equal(header_text(w.headers, "kwargsrepr"), "{\"factor\":\"1.1\"}");
        shown = header_text(w.headers, "argsrepr");
        assert_true(strlen(shown) <= 1024 + 3);
        assert_true(utf8_is_valid(shown, strlen(shown)));
        assert_true(endswith(shown, "ñ..."));
        body = buf_take(&w.body, NULL);
        assert_int_equal(decode(w.headers, body, &again, reason), 0);
        assert_true(json_equal(again.args, args));
        assert_true(json_equal(again.kwargs, kwargs));
        assert_string_equal(again.root_id, ID);
        assert_string_equal(again.request_id, "req-1");
        assert_int_equal(again.hard_limit_usec, m.hard_limit_usec);
        assert_int_equal(again.soft_limit_usec, m.soft_limit_usec);
        task_message_done(&again);
        task_wire_done(&w);
        m.id = "";
        assert_int_equal(task_wire_encode(&w, &m), -EINVAL);
        task_wire_done(&w);
}

/* Each queue has one daemon that consumes it; foreign ones have none. */
static void test_queues(void **state)
{
        assert_string_equal(queue_daemon("lonja.tasks.products"), "products");
        assert_string_equal(queue_daemon("lonja.tasks.http"), "gateway");
        assert_string_equal(queue_daemon("lonja.schedule.results"), "scheduler");
        assert_null(queue_daemon("celery"));
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_celery),    cmocka_unit_test(test_sparse),
                cmocka_unit_test(test_followers), cmocka_unit_test(test_refused),
                cmocka_unit_test(test_encode),    cmocka_unit_test(test_queues),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
