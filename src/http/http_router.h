/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */
#pragma once

/* From method and path to a route.  Pure.
 *
 * A template's segments are literal ("products:import"), variable ("{code}") or variable with a literal tail
 * ("{queue}:receive"). Where several templates match, the one that is literal first wins. A variable is never
 * empty. "GET" answers HEAD. */

#include <string.h>

#include "base/macro.h"
#include "http/http_server.h"

#define HTTP_VARIABLES_MAX 4 /* in one template */
#define HTTP_SEGMENTS_MAX 16 /* in one path; none of ours has half of it */
#define HTTP_ALLOW_SIZE 64   /* "GET, HEAD, OPTIONS, PATCH, POST, PUT, DELETE" and a NUL */

struct http_router;

struct http_variable {
        const char *name;  /* borrowed from the router */
        const char *value; /* decoded; borrowed from the text given to http_router_match() */
};

struct http_match {
        const struct http_route *route;
        struct http_variable variables[HTTP_VARIABLES_MAX];
        size_t n_variables;
        char allow[HTTP_ALLOW_SIZE]; /* for HTTP_MATCH_METHOD */
};

enum http_match_outcome {
        HTTP_MATCH_FOUND = 0,
        HTTP_MATCH_NONE = 1,   /* no such path */
        HTTP_MATCH_METHOD = 2, /* the path exists, with the methods in `allow` */
};

/* `lists`: arrays that end with method NULL; the list ends with NULL. 0; -EINVAL for a template that cannot
 * be (also a method twice on one path); -ENOMEM. */
int http_router_new(struct http_router **ret, const struct http_route *const *lists);
struct http_router *http_router_free(struct http_router *r);
DEFINE_FREEP(struct http_router, http_router_free)

/* What variables point into: decoded segments, and behind them the variables. */
static inline size_t http_router_text_size(const char *path)
{
        return 2 * (strlen(path) + 1);
}
/* `text` takes http_router_text_size(). An enum http_match_outcome, or -EINVAL for a broken escape or what is
 * no UTF-8. */
int http_router_match(const struct http_router *r, const char *method, const char *path, char *text,
                      struct http_match *ret);
