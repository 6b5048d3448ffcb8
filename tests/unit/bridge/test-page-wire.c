/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/macro.h"
#include "bridge/page_wire.h"
#include "bridge/problem_text.h"

static int decode(const char *json, struct page_wire *page, char text[512])
{
        snprintf(text, 512, "%s", json);
        return page_wire_decode(text, strlen(text), page);
}

/* The array is found wherever it stands, whatever its strings contain, and comes as one line. */
static void test_results(void **state)
{
        struct page_wire page;
        char text[512];

        assert_int_equal(
                decode(" { \"count\" : 12, \"results\" : [ {\"a\":\"]}\\\"[\"},\r\n {\"b\":[1,{}]} ] ,"
                       "\"next\":null,\"previous\":\"/x\"}\n",
                       &page, text),
                0);
        assert_int_equal(page.results_size, strlen("[ {\"a\":\"]}\\\"[\"},   {\"b\":[1,{}]} ]"));
        assert_memory_equal(page.results, "[ {\"a\":\"]}\\\"[\"},   {\"b\":[1,{}]} ]", page.results_size);
        assert_null(page.next);
        page_wire_done(&page);
}

/* The next page is asked of the same API, whatever host its address names. */
static void test_next(void **state)
{
        static const struct {
                const char *json, *next;
        } cases[] = {
                {"{\"next\":\"/api/products?cursor=a%20b\",\"results\":[]}", "/api/products?cursor=a%20b"},
                {"{\"results\":[],\"next\":\"https://h:1/api/products?c=\\u0041\"}", "/api/products?c=A"},
                {"{\"results\":[],\"next\":null}", NULL},
                {"{\"results\":[]}", NULL},
        };

        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                struct page_wire page;
                char text[512];

                assert_int_equal(decode(cases[i].json, &page, text), 0);
                if (cases[i].next)
                        assert_string_equal(page.next, cases[i].next);
                else
                        assert_null(page.next);
                page_wire_done(&page);
        }
}

/* What is no page is refused; every cut of a page is. */
static void test_broken(void **state)
{
        static const char *const cases[] = {
                "",
                "[]",
                "{}",
                "{\"results\":{}}",
                "{\"results\":[]",
                "{\"results\":[}",
                "{\"next\":null}",
                "{\"results\":[],\"next\":7}",
                "{\"results\":[],\"next\":\"x\"}",
                "{\"results\":[],\"next\":\"/a b\"}",
                "{\"results\":[],\"next\":\"/a\\r\\nX: y\"}",
                "{\"results\":[],\"next\":\"http://h\"}",
        };
        const char *whole = "{\"next\":\"/a\",\"results\":[{\"a\":\"b\"}],\"c\":1}";
        struct page_wire page;
        char text[512];

        for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
                assert_int_equal(decode(cases[i], &page, text), -EBADMSG);
        for (size_t n = 0; n < strlen(whole); n++) {
                snprintf(text, sizeof(text), "%.*s", (int)n, whole);
                assert_int_equal(page_wire_decode(text, n, &page), -EBADMSG);
        }
}

/* A problem is one line, and tells which product it is about. */
static void test_problem(void **state)
{
        _cleanup_(buf_done) struct buf out = BUF_EMPTY;

        problem_text_line(&out, "PRODUCT", 404, "not-found", "no \"such\"\nthing", NULL, "A1");
        buf_append_char(&out, '\0');
        assert_string_equal(buf_bytes(&out),
                            "ERROR+PRODUCT+{\"type\":\"urn:lonja:problem:not-found\",\"title\":\"Not found\","
                            "\"status\":404,\"detail\":\"no \\\"such\\\"\\nthing\",\"code\":\"A1\"}\n");
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_results),
                cmocka_unit_test(test_next),
                cmocka_unit_test(test_broken),
                cmocka_unit_test(test_problem),
        };

        return cmocka_run_group_tests_name("page-wire", tests, NULL, NULL);
}
