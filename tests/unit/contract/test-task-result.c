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
#include "contract/task_result_message.h"

/* A result is the one object that Celery's rpc:// backend publishes. */
static void test_success(void **state)
{
        _cleanup_free_ char *text = NULL;
        struct buf b = BUF_EMPTY;

        task_result_encode(&b, "id-1", TASK_SUCCESS, "{\"changed\":3}");
        text = buf_take(&b, NULL);
        assert_string_equal(text, "{\"task_id\":\"id-1\",\"status\":\"SUCCESS\",\"result\":{\"changed\":3},"
                                  "\"traceback\":null,\"children\":[]}");
}

/* A failure has Celery's three members, from which it makes an exception, and the problem as REST shows it.
 */
static void test_failure(void **state)
{
        _cleanup_free_ char *error = NULL, *line = NULL;
        struct buf b = BUF_EMPTY;
        struct task_result r;

        task_error_encode(&b, "price-too-large", 422, "a price of \"A1\"", NULL);
        error = buf_take(&b, NULL);
        assert_string_equal(error,
                            "{\"exc_type\":\"PriceTooLarge\",\"exc_message\":[\"a price of \\\"A1\\\"\"],"
                            "\"exc_module\":\"lonja\",\"problem\":{\"type\":"
                            "\"urn:lonja:problem:price-too-large\",\"title\":\"Unprocessable content\","
                            "\"status\":422,\"detail\":\"a price of \\\"A1\\\"\"}}");
        task_result_encode(&b, "id-1", TASK_FAILURE, error);
        assert_int_equal(task_result_decode(buf_bytes(&b), buf_size(&b), &r), 0);
        buf_reset(&b);
        task_result_describe(&b, &r);
        line = buf_take(&b, NULL);
        assert_string_equal(line, "PriceTooLarge: a price of \"A1\"");
        assert_int_equal(r.status, TASK_FAILURE);
        task_result_done(&r);
        task_result_done(&r);
}

/* Where Celery has an exception of its own, it is that one. */
static void test_known(void **state)
{
        struct buf b = BUF_EMPTY;
        struct task_result r;

        buf_append_str(&b, "{\"task_id\":\"a\",\"status\":\"REVOKED\",\"result\":");
        task_error_encode(&b, "task-expired", 410, NULL, NULL);
        buf_append_char(&b, '}');
        assert_int_equal(task_result_decode(buf_bytes(&b), buf_size(&b), &r), 0);
        assert_string_equal(json_string_value(json_object_get(r.result, "exc_type")), "TaskRevokedError");
        assert_string_equal(json_string_value(json_object_get(r.result, "exc_module")), "celery.exceptions");
        task_result_done(&r);
        buf_done(&b);
}

/* Results of real workers and of nobody. */
static void test_foreign(void **state)
{
        static const struct {
                const char *text;
                int r;
                bool is_final;
        } cases[] = {
                {"{\"task_id\": \"a\", \"status\": \"FAILURE\", \"result\": {\"exc_type\": \"KeyError\", "
                 "\"exc_message\": [\"x\"], \"exc_module\": \"builtins\"}, \"traceback\": \"Traceback\", "
                 "\"children\": []}",
                 0, true},
                {"{\"task_id\":\"a\",\"status\":\"STARTED\",\"result\":{\"pid\":1},\"traceback\":null}", 0,
                 false},
                {"{\"task_id\":\"a\",\"status\":\"RETRY\",\"result\":null}", 0, false},
                {"{\"task_id\":\"a\",\"status\":\"REVOKED\",\"result\":null}", 0, true},
                {"{\"task_id\":\"a\",\"status\":\"SUCCESS\"}", -EBADMSG, false},
                {"{\"task_id\":\"\",\"status\":\"SUCCESS\",\"result\":1}", -EBADMSG, false},
                {"{\"task_id\":\"a\",\"status\":\"DONE\",\"result\":1}", -EBADMSG, false},
                {"{\"status\":\"SUCCESS\",\"result\":1}", -EBADMSG, false},
                {"[]", -EBADMSG, false},
                {"", -EBADMSG, false},
        };
        struct task_result r;

        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                assert_int_equal(task_result_decode(cases[i].text, strlen(cases[i].text), &r), cases[i].r);
                if (cases[i].r < 0)
                        continue;
                assert_int_equal(task_status_is_final(r.status), cases[i].is_final);
                task_result_done(&r);
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_success),
                cmocka_unit_test(test_failure),
                cmocka_unit_test(test_known),
                cmocka_unit_test(test_foreign),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
