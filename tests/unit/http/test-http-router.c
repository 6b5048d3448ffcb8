/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* in this order */
#include <cmocka.h>
#include <errno.h>
#include <string.h>

#include "http/http_router.h"

static const struct http_route products[] = {
        {.method = "GET", .path = "/api/products/{code}"},
        {.method = "PATCH", .path = "/api/products/{code}"},
        {.method = "GET", .path = "/api/products"},
        {.method = "POST", .path = "/api/products"},
        {.method = "POST", .path = "/api/products:import"},
        {.method = "GET", .path = "/api/products/{code}/history"},
        {0},
};
static const struct http_route others[] = {
        {.method = "GET", .path = "/api/sessions/{id}"},
        {.method = "GET", .path = "/api/sessions/current"},
        {.method = "POST", .path = "/api/queues/{queue}/messages/{id}:ack"},
        {.method = "POST", .path = "/api/queues/{queue}/messages/{id}"},
        {.method = "GET", .path = "/"},
        {0},
};
static const struct http_route *const lists[] = {products, others, NULL};

static struct http_router *make(void)
{
        struct http_router *router = NULL;

        assert_int_equal(http_router_new(&router, lists), 0);
        return router;
}

struct expectation {
        const char *method, *path;
        int outcome;
        const struct http_route *route;
        const char *first, *second; /* variables */
};

/* Each path finds its route, the more literal before the less, and its variables come out decoded. */
static void test_match(void **state)
{
        static const struct expectation table[] = {
                {"GET", "/api/products", 0, &products[2]},
                {"POST", "/api/products", 0, &products[3]},
                {"POST", "/api/products:import", 0, &products[4]},
                {"GET", "/api/products/A-1", 0, &products[0], "A-1"},
                {"HEAD", "/api/products/A-1", 0, &products[0], "A-1"},
                {"PATCH", "/api/products/A-1", 0, &products[1], "A-1"},
                {"GET", "/api/products/A%2d1", 0, &products[0], "A-1"},
                {"GET", "/api/products/a%2Fb/history", 0, &products[5], "a/b"},
                {"GET", "/api/%70roducts/x", 0, &products[0], "x"},
                {"GET", "/api/sessions/current", 0, &others[1]},
                {"GET", "/api/sessions/7", 0, &others[0], "7"},
                {"POST", "/api/queues/long-name-of-one/messages/%31%32:ack", 0, &others[2],
                 "long-name-of-one", "12"},
                {"POST", "/api/queues/q/messages/m", 0, &others[3], "q", "m"},
                {"POST", "/api/queues/%71/messages/:ack", 0, &others[3], "q", ":ack"},
                {"GET", "/", 0, &others[4]},
                {"GET", "/api", HTTP_MATCH_NONE},
                {"GET", "/api/products/", HTTP_MATCH_NONE},
                {"GET", "/api/products//history", HTTP_MATCH_NONE},
                {"GET", "/api/products/a/b", HTTP_MATCH_NONE},
                {"GET", "/api/products/a/history/", HTTP_MATCH_NONE},
                {"GET", "", HTTP_MATCH_NONE},
                {"GET", "api/products", HTTP_MATCH_NONE},
                {"GET", "*", HTTP_MATCH_NONE},
                {"GET", "/1/2/3/4/5/6/7/8/9/10/11/12/13/14/15/16/17/18", HTTP_MATCH_NONE},
                {"DELETE", "/api/products", HTTP_MATCH_METHOD},
                {"get", "/api/products", HTTP_MATCH_METHOD},
                {"GET", "/api/products/%zz", -EINVAL},
                {"GET", "/api/products/%", -EINVAL},
                {"GET", "/api/products/%00", -EINVAL},
                {"GET", "/api/products/%ff", -EINVAL},
                {"GET", "/api/products/\x80", -EINVAL},
        };
        struct http_router *router = make();

        for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
                const struct expectation *e = &table[i];
                char *text = malloc(http_router_text_size(e->path)); /* exact, for the sanitizers */
                struct http_match match;

                assert_int_equal(http_router_match(router, e->method, e->path, text, &match), e->outcome);
                assert_ptr_equal(match.route, e->route);
                if (e->first)
                        assert_string_equal(match.variables[0].value, e->first);
                if (e->second)
                        assert_string_equal(match.variables[1].value, e->second);
                assert_int_equal(match.n_variables, (e->first != NULL) + (e->second != NULL));
                free(text);
        }
        http_router_free(router);
}

/* A known path with another method says which ones there are. */
static void test_allow(void **state)
{
        struct http_router *router = make();
        struct http_match match;
        char text[64];

        assert_int_equal(http_router_match(router, "DELETE", "/api/products", text, &match),
                         HTTP_MATCH_METHOD);
        assert_string_equal(match.allow, "OPTIONS, GET, HEAD, POST");
        http_router_free(router);
}

/* A template that cannot be is a programmer's error, told at start. */
static void test_bad_templates(void **state)
{
        static const struct http_route twice[] = {
                {.method = "GET", .path = "/a"}, {.method = "GET", .path = "/a"}, {0}};
        static const struct http_route relative[] = {{.method = "GET", .path = "a"}, {0}};
        static const struct http_route unclosed[] = {{.method = "GET", .path = "/{a"}, {0}};
        static const struct http_route nameless[] = {{.method = "GET", .path = "/{}"}, {0}};
        static const struct http_route many[] = {{.method = "GET", .path = "/{a}/{b}/{c}/{d}/{e}"}, {0}};
        const struct http_route *const bad[] = {twice, relative, unclosed, nameless, many};

        for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
                struct http_router *router = NULL;

                assert_int_equal(http_router_new(&router, (const struct http_route *const[]){bad[i], NULL}),
                                 -EINVAL);
                assert_null(router);
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_match),
                cmocka_unit_test(test_allow),
                cmocka_unit_test(test_bad_templates),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
