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
#include "base/macro.h"
#include "contract/event_message.h"
#include "contract/problem.h"

/* What is published is read back, attribute by attribute. */
static void test_round_trip(void **state)
{
        struct event_message e;
        struct buf b = BUF_EMPTY;

        event_message_encode(&b, "id-1", "product.updated", "A\"1", "2026-11-22T03:35:00.000000Z", 42, 7,
                             "req", "{\"price\":\"1.00\"}");
        assert_int_equal(event_message_decode(buf_bytes(&b), buf_size(&b), &e), 0);
        assert_string_equal(e.id, "id-1");
        assert_string_equal(e.type, "product.updated");
        assert_string_equal(e.subject, "A\"1");
        assert_string_equal(e.time, "2026-11-22T03:35:00.000000Z");
        assert_string_equal(e.request_id, "req");
        assert_int_equal(e.offset, 42);
        assert_int_equal(e.version, 7);
        assert_string_equal(json_string_value(json_object_get(e.data, "price")), "1.00");
        event_message_done(&e);
        event_message_done(&e);
        buf_done(&b);
}

/* What an event need not have is left out and read as nothing. */
static void test_optional(void **state)
{
        struct event_message e;
        struct buf b = BUF_EMPTY;

        event_message_encode(&b, "i", "t", NULL, NULL, 1, 1, NULL, NULL);
        assert_int_equal(event_message_decode(buf_bytes(&b), buf_size(&b), &e), 0);
        assert_true(!e.subject && !e.time && !e.request_id && !e.data);
        event_message_done(&e);
        buf_done(&b);
}

/* Extensions of others are passed over; what lacks an attribute or has one of the wrong kind is no event of
 * ours. */
static void test_foreign(void **state)
{
        static const struct {
                const char *text;
                int r;
        } cases[] = {
                {"{\"specversion\":\"1.0\",\"id\":\"i\",\"type\":\"t\",\"lonjaoffset\":1,\"lonjaversion\":1,"
                 "\"traceparent\":\"x\"}",
                 0},
                {"{\"specversion\":\"0.3\",\"id\":\"i\",\"type\":\"t\",\"lonjaoffset\":1,\"lonjaversion\":1}",
                 -EBADMSG},
                {"{\"specversion\":\"1.0\",\"id\":\"\",\"type\":\"t\",\"lonjaoffset\":1,\"lonjaversion\":1}",
                 -EBADMSG},
                {"{\"specversion\":\"1.0\",\"type\":\"t\",\"lonjaoffset\":1,\"lonjaversion\":1}", -EBADMSG},
                {"{\"specversion\":\"1.0\",\"id\":\"i\",\"type\":2,\"lonjaoffset\":1,\"lonjaversion\":1}",
                 -EBADMSG},
                {"{\"specversion\":\"1.0\",\"id\":\"i\",\"type\":\"t\",\"lonjaoffset\":\"1\","
                 "\"lonjaversion\":1}",
                 -EBADMSG},
                {"{\"specversion\":\"1.0\",\"id\":\"i\",\"type\":\"t\",\"lonjaoffset\":-1,\"lonjaversion\":"
                 "1}",
                 -EBADMSG},
                {"{\"specversion\":\"1.0\",\"id\":\"i\",\"type\":\"t\",\"lonjaoffset\":1}", -EBADMSG},
                {"{\"specversion\":\"1.0\",\"id\":\"i\",\"type\":\"t\",\"subject\":[],\"lonjaoffset\":1,"
                 "\"lonjaversion\":1}",
                 -EBADMSG},
                {"[]", -EBADMSG},
                {"null", -EBADMSG},
                {"", -EBADMSG},
        };

        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                struct event_message e = {0};

                assert_int_equal(event_message_decode(cases[i].text, strlen(cases[i].text), &e), cases[i].r);
                event_message_done(&e);
        }
}

/* A problem is one line of JSON, with what is known and nothing else. */
static void test_problem(void **state)
{
        _cleanup_free_ char *full = NULL, *bare = NULL;
        struct field_errors errors = {0};
        struct buf b = BUF_EMPTY;

        field_errors_add(&errors, "/code", "must not contain '%c'", '"');
        problem_write(&b, 422, "invalid-input", "The body is wrong.", &errors);
        full = buf_take(&b, NULL);
        assert_string_equal(
                full, "{\"type\":\"urn:lonja:problem:invalid-input\",\"title\":\"Unprocessable content\","
                      "\"status\":422,\"detail\":\"The body is wrong.\",\"errors\":[{\"path\":\"/code\","
                      "\"reason\":\"must not contain '\\\"'\"}]}");
        problem_write(&b, 404, "not-found", NULL, NULL);
        bare = buf_take(&b, NULL);
        assert_string_equal(
                bare, "{\"type\":\"urn:lonja:problem:not-found\",\"title\":\"Not found\",\"status\":404}");
        assert_string_equal(problem_title(418), "Request error");
        assert_string_equal(problem_title(599), "Server error");
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_round_trip),
                cmocka_unit_test(test_optional),
                cmocka_unit_test(test_foreign),
                cmocka_unit_test(test_problem),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
