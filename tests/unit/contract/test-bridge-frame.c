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
#include "base/str.h"
#include "contract/bridge_frame.h"

static int decode(const char *line, struct bridge_request *ret)
{
        char reason[160];

        return bridge_request_decode(line, strlen(line), ret, reason);
}

/* The frames of the protocol's description. */
static void test_requests(void **state)
{
        struct bridge_request r;

        assert_int_equal(decode("GET+PRODUCTS+{}+limit=2&ordering=-selling_price", &r), 0);
        assert_string_equal(r.verb, "GET");
        assert_string_equal(r.type, "PRODUCTS");
        assert_int_equal(json_object_size(r.path), 0);
        assert_string_equal(url_query_get(&r.query, "ordering"), "-selling_price");
        bridge_request_done(&r);
        assert_int_equal(decode("PING++{}+", &r), 0);
        assert_string_equal(r.type, "");
        assert_int_equal(r.query.n_params, 0);
        bridge_request_done(&r);
        assert_int_equal(decode("PING+++", &r), 0);
        assert_int_equal(json_object_size(r.path), 0);
        bridge_request_done(&r);
        bridge_request_done(&r);
}

/* PATH ends at its own brace: '+', braces and quotes inside its strings are its own. */
static void test_plus_in_path(void **state)
{
        struct bridge_request r;

        assert_int_equal(decode("GET+PRODUCT+{\"code\":\"a+b}{\\\"+\\\\\",\"o\":{\"x\":1}}+interval=5", &r),
                         0);
        assert_string_equal(json_string_value(json_object_get(r.path, "code")), "a+b}{\"+\\");
        assert_string_equal(url_query_get(&r.query, "interval"), "5");
        bridge_request_done(&r);
}

/* A '+' in QUERY is a space, as in every URL query. */
static void test_plus_in_query(void **state)
{
        struct bridge_request r;

        assert_int_equal(decode("GET+PRODUCTS+{}+search=two+words%2B", &r), 0);
        assert_string_equal(url_query_get(&r.query, "search"), "two words+");
        bridge_request_done(&r);
}

/* What is wrong is said in words, and nothing is left to free. */
static void test_bad_requests(void **state)
{
        static const struct {
                const char *line, *reason;
        } cases[] = {
                {"", "a request is VERB+TYPE+PATH+QUERY"},
                {"GET", "a request is VERB+TYPE+PATH+QUERY"},
                {"GET+PRODUCT", "a request is VERB+TYPE+PATH+QUERY"},
                {"GET+PRODUCT+", "a request is VERB+TYPE+PATH+QUERY"},
                {"GET+PRODUCT+{}", "a request is VERB+TYPE+PATH+QUERY"},
                {"GET+PRODUCT+{\"a\":1+", "PATH is a JSON object without its closing brace"},
                {"GET+PRODUCT+[]+", "PATH must be a JSON object"},
                {"GET+PRODUCT+{}x+", "a '+' must follow PATH"},
                {"+PRODUCT+{}+", "VERB must be 1 to 16 upper-case letters"},
                {"get+PRODUCT+{}+", "VERB must be 1 to 16 upper-case letters"},
                {"GETGETGETGETGETGE+X+{}+", "VERB must be 1 to 16 upper-case letters"},
                {"GET+Product+{}+", "TYPE must be at most 16 upper-case letters"},
                {"GET+X+{x}+", "PATH is not valid JSON"},
                {"GET+X+{\"a\":1,\"a\":2}+", "PATH is not valid JSON"},
                {"GET+X+{}+a=%zz", "QUERY must be a URL query string in UTF-8"},
                {"GET+X+{}+a=%ff", "QUERY must be a URL query string in UTF-8"},
        };
        char reason[160], longest[BRIDGE_LINE_MAX + 1], deep[100];
        struct bridge_request r;

        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                assert_int_equal(bridge_request_decode(cases[i].line, strlen(cases[i].line), &r, reason),
                                 -EBADMSG);
                assert_non_null(startswith(reason, cases[i].reason));
        }
        memset(longest, 'A', sizeof(longest));
        assert_int_equal(bridge_request_decode(longest, sizeof(longest), &r, reason), -EBADMSG);
        assert_string_equal(reason, "the line is too long");
        memcpy(deep, "GET+X+", 6);
        memset(deep + 6, '{', sizeof(deep) - 6);
        assert_int_equal(bridge_request_decode(deep, sizeof(deep), &r, reason), -EBADMSG);
        assert_int_equal(bridge_request_decode("GET+X+{\"a\0b\":1}+", 16, &r, reason), -EBADMSG);
}

/* A device that sends no line end is understood as soon as its frame is whole, not before. */
static void test_complete(void **state)
{
        const char *line = "GET+PRODUCT+{\"code\":\"a+}\"}+interval=5";
        size_t whole = strlen("GET+PRODUCT+{\"code\":\"a+}\"}+");

        for (size_t n = 0; n <= strlen(line); n++)
                assert_int_equal(bridge_request_is_complete(line, n), n >= whole);
        assert_false(bridge_request_is_complete("hello world", 11));
}

/* What a client writes, the bridge reads. */
static void test_encode(void **state)
{
        _cleanup_json_ json_t *path = json_pack("{s:s}", "code", "a+\"b\n");
        _cleanup_free_ char *text = NULL;
        struct buf b = BUF_EMPTY;
        struct bridge_request r;
        char reason[160];
        size_t n;

        bridge_request_encode(&b, "GET", "PRODUCT", path, "interval=5");
        text = buf_take(&b, &n);
        assert_int_equal(text[n - 1], '\n');
        assert_ptr_equal(strchr(text, '\n'), text + n - 1);
        assert_int_equal(bridge_request_decode(text, n - 1, &r, reason), 0);
        assert_true(json_equal(r.path, path));
        bridge_request_done(&r);
        bridge_request_encode(&b, "PING", "", NULL, NULL);
        assert_int_equal(buf_size(&b), 10);
        assert_memory_equal(buf_bytes(&b), "PING++{}+\n", 10);
        buf_done(&b);
}

/* An answer's data may contain '+'; its kind may not be missing. */
static void test_answers(void **state)
{
        struct bridge_answer a;
        struct buf b = BUF_EMPTY;

        bridge_answer_encode(&b, "JSON", "PRODUCT", "{\"code\":\"a+b\"}", 14);
        assert_int_equal(bridge_answer_decode(buf_bytes(&b), buf_size(&b) - 1, &a), 0);
        assert_string_equal(a.kind, "JSON");
        assert_string_equal(a.type, "PRODUCT");
        assert_int_equal(a.data_size, 14);
        assert_memory_equal(a.data, "{\"code\":\"a+b\"}", 14);
        buf_done(&b);
        assert_int_equal(bridge_answer_decode("ERROR++", 7, &a), 0);
        assert_int_equal(a.data_size, 0);
        assert_int_equal(bridge_answer_decode("", 0, &a), -EBADMSG);
        assert_int_equal(bridge_answer_decode("JSON+PRODUCT", 12, &a), -EBADMSG);
        assert_int_equal(bridge_answer_decode("+PRODUCT+{}", 11, &a), -EBADMSG);
        assert_int_equal(bridge_answer_decode("json+X+{}", 9, &a), -EBADMSG);
        assert_int_equal(bridge_answer_decode("JSON+XXXXXXXXXXXXXXXXX+{}", 25, &a), -EBADMSG);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_requests),      cmocka_unit_test(test_plus_in_path),
                cmocka_unit_test(test_plus_in_query), cmocka_unit_test(test_bad_requests),
                cmocka_unit_test(test_complete),      cmocka_unit_test(test_encode),
                cmocka_unit_test(test_answers),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
