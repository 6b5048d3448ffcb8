/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/str.h"
#include "fake-api.h"

static bool is_authorized(const struct fake_api *a, const char *authorization)
{
        return a->token && startswith(authorization, "Bearer ") && streq(authorization + 7, a->token);
}

static void answer_problem(struct tiny_request *r, unsigned status, const char *slug)
{
        char text[128];

        snprintf(text, sizeof(text), "{\"type\":\"urn:lonja:problem:%s\",\"status\":%u}", slug, status);
        tiny_answer(r, status, "Content-Type: application/problem+json\r\n", text);
}

static void answer_session(struct fake_api *a, struct tiny_request *r)
{
        char authorization[256];

        a->n_checks++;
        if (is_authorized(a, tiny_header(r, "Authorization", authorization)))
                tiny_answer(r, 200, "", "{\"user\" : \"u\", \"scopes\" : [\"read\"]}");
        else
                answer_problem(r, 401, "invalid-token");
}

static void answer_list(struct fake_api *a, struct tiny_request *r)
{
        unsigned page = 0;
        char text[256], next[64] = "null";

        a->n_gets++;
        if (strstr(r->path, "page="))
                assert_int_equal(sscanf(strstr(r->path, "page="), "page=%u", &page), 1);
        if (page + 1 < a->n_pages)
                snprintf(next, sizeof(next), "\"http://elsewhere/api/products?page=%u\"", page + 1);
        snprintf(text, sizeof(text), "{\"next\":%s,\"previous\":null,\n \"results\":[{\"code\":\"P%u\"}]}\n",
                 next, page);
        tiny_answer(r, 200, "", text);
}

static void answer_product(struct fake_api *a, struct tiny_request *r)
{
        char etag[64], seen[256], header[96], *text = NULL;

        snprintf(etag, sizeof(etag), "\"%u\"", a->version);
        snprintf(header, sizeof(header), "ETag: %s\r\n", etag);
        if (a->needs_token && !is_authorized(a, a->authorization))
                answer_problem(r, 401, *a->authorization ? "invalid-token" : "authentication-required");
        else if (a->version == 0)
                answer_problem(r, 404, "not-found");
        else if (streq(tiny_header(r, "If-None-Match", seen), etag)) {
                a->n_same++;
                tiny_answer(r, 304, header, "");
        } else {
                assert_true(asprintf(&text, "{\"code\":\"%s\",\"description\":\"%s\",\"version\":%u}\n",
                                     r->path + strlen("/api/products/"), a->text, a->version) > 0);
                tiny_answer(r, 200, header, text);
                free(text);
        }
}

static void on_request(struct tiny_http *t, struct tiny_request *r)
{
        struct fake_api *a = container_of(t, struct fake_api, http);

        if (a->cuts)
                tiny_cut(r);
        else if (streq(r->path, "/api/sessions/current"))
                answer_session(a, r);
        else if (streq(r->path, "/api/products") || startswith(r->path, "/api/products?"))
                answer_list(a, r);
        else {
                a->n_gets++;
                tiny_header(r, "Authorization", a->authorization);
                if (a->holds) {
                        assert_null(a->held);
                        a->held = r;
                } else
                        answer_product(a, r);
        }
}

void fake_api_release(struct fake_api *a)
{
        assert_non_null(a->held);
        a->holds = false;
        answer_product(a, a->held);
        a->held = NULL;
}

void fake_api_start(struct fake_api *a, sd_event *loop)
{
        *a = (struct fake_api){.version = 1, .text = "x", .n_pages = 1};
        tiny_http_start(&a->http, loop, NULL, on_request);
}

void fake_api_stop(struct fake_api *a)
{
        tiny_http_stop(&a->http);
}
