/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */

#include <string.h>

#include "base/alloc.h"
#include "base/str.h"
#include "base/url.h"
#include "fuzz.h"
#include "http/http_router.h"

static const struct http_route routes[] = {
        {.method = "GET", .path = "/a/{one}"},
        {.method = "GET", .path = "/a/{one}/{two}"},
        {.method = "GET", .path = "/a/{one}:go"},
        {.method = "GET", .path = "/a/here"},
        {.method = "GET", .path = "/{first}/b/{one}/{two}"},
        {0},
};

/* A path built from the variables that were found leads to the same route with the same variables. */
static void check_again(const struct http_router *router, const struct http_match *match)
{
        struct buf path = BUF_EMPTY;
        struct http_match again;
        char *text, *built;
        size_t n = 0;

        for (const char *at = match->route->path; *at; at++)
                if (*at == '{') {
                        url_encode(&path, match->variables[n++].value);
                        at = strchr(at, '}');
                } else
                        buf_append_char(&path, *at);
        built = buf_take(&path, NULL);
        text = malloc(http_router_text_size(built));
        fuzz_check(http_router_match(router, "GET", built, text, &again) == HTTP_MATCH_FOUND);
        fuzz_check(again.route == match->route && again.n_variables == match->n_variables);
        for (size_t i = 0; i < n; i++)
                fuzz_check(streq(again.variables[i].value, match->variables[i].value));
        free(text);
        free(built);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        const struct http_route *const lists[] = {routes, NULL};
        _cleanup_free_ char *path = memdup_str(data, size), *text = malloc(http_router_text_size(path));
        struct http_router *router;
        struct http_match match;

        fuzz_check(http_router_new(&router, lists) == 0);
        if (http_router_match(router, "GET", path, text, &match) == HTTP_MATCH_FOUND) {
                for (size_t i = 0; i < match.n_variables; i++) {
                        const char *value = match.variables[i].value;

                        fuzz_check(value[0] && utf8_is_valid(value, strlen(value)));
                }
                check_again(router, &match);
        }
        http_router_free(router);
        return 0;
}
