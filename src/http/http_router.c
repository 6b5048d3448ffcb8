/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/str.h"
#include "base/url.h"
#include "http/http_router.h"

#define METHODS_MAX 6 /* per path */

enum piece_kind { PIECE_LITERAL, PIECE_TAILED, PIECE_VARIABLE }; /* in order of precedence */

struct piece {
        enum piece_kind kind;
        char *name;       /* owned; of the variable */
        const char *text; /* borrowed from the route: the literal, or the variable's tail */
        size_t size;
};

/* One path and the routes that it has, one per method. */
struct resource {
        const char *path; /* borrowed from the route */
        struct piece pieces[HTTP_SEGMENTS_MAX];
        size_t n_pieces;
        const struct http_route *routes[METHODS_MAX];
        size_t n_routes;
};

struct http_router {
        struct resource *resources; /* owned, the more literal first */
        size_t n_resources;
};

struct segment {
        const char *at;
        size_t size;
};

static int compile_piece(const char *at, size_t size, struct piece *p)
{
        const char *end;

        p->text = at;
        p->size = size;
        if (size == 0 || at[0] != '{')
                return memchr(at, '{', size) ? -EINVAL : 0;
        end = memchr(at, '}', size);
        if (!end || end == at + 1)
                return -EINVAL;
        p->name = memdup_str(at + 1, (size_t)(end - at - 1));
        if (!p->name)
                return -ENOMEM;
        p->text = end + 1;
        p->size = size - (size_t)(end + 1 - at);
        p->kind = p->size > 0 ? PIECE_TAILED : PIECE_VARIABLE;
        return 0;
}

static int compile_path(const char *path, struct resource *res)
{
        size_t n_variables = 0;
        int r;

        if (path[0] != '/')
                return -EINVAL;
        res->path = path;
        for (const char *at = path + 1;;) {
                size_t size = strcspn(at, "/");

                if (res->n_pieces == HTTP_SEGMENTS_MAX)
                        return -EINVAL;
                r = compile_piece(at, size, &res->pieces[res->n_pieces++]);
                if (r < 0)
                        return r;
                n_variables += res->pieces[res->n_pieces - 1].kind != PIECE_LITERAL;
                if (at[size] == '\0')
                        break;
                at += size + 1;
        }
        return n_variables <= HTTP_VARIABLES_MAX ? 0 : -EINVAL;
}

static struct resource *find_resource(struct http_router *r, const char *path)
{
        for (size_t i = 0; i < r->n_resources; i++)
                if (streq(r->resources[i].path, path))
                        return &r->resources[i];
        return NULL;
}

static int add_route(struct http_router *router, const struct http_route *route)
{
        struct resource *res = find_resource(router, route->path), *grown;
        int r;

        if (!res) {
                grown = realloc(router->resources, (router->n_resources + 1) * sizeof(*grown));
                if (!grown)
                        return -ENOMEM;
                router->resources = grown;
                res = &grown[router->n_resources++];
                *res = (struct resource){0};
                r = compile_path(route->path, res);
                if (r < 0)
                        return r;
        }
        for (size_t i = 0; i < res->n_routes; i++)
                if (streq(res->routes[i]->method, route->method))
                        return -EINVAL;
        if (res->n_routes == METHODS_MAX)
                return -EINVAL;
        res->routes[res->n_routes++] = route;
        return 0;
}

static int compare_resources(const void *one, const void *other)
{
        const struct resource *a = one, *b = other;

        for (size_t i = 0; i < a->n_pieces && i < b->n_pieces; i++)
                if (a->pieces[i].kind != b->pieces[i].kind)
                        return (int)a->pieces[i].kind - (int)b->pieces[i].kind;
        return strcmp(a->path, b->path);
}

int http_router_new(struct http_router **ret, const struct http_route *const *lists)
{
        _cleanup_(http_router_freep) struct http_router *router = NULL;
        int r;

        router = new0(struct http_router, 1);
        if (!router)
                return -ENOMEM;
        for (; *lists; lists++)
                for (const struct http_route *route = *lists; route->method; route++) {
                        r = add_route(router, route);
                        if (r < 0)
                                return r;
                }
        if (router->n_resources > 0)
                qsort(router->resources, router->n_resources, sizeof(*router->resources), compare_resources);
        *ret = TAKE_PTR(router);
        return 0;
}

struct http_router *http_router_free(struct http_router *r)
{
        if (!r)
                return NULL;
        for (size_t i = 0; i < r->n_resources; i++)
                for (size_t k = 0; k < r->resources[i].n_pieces; k++)
                        free(r->resources[i].pieces[k].name);
        free(r->resources);
        free(r);
        return NULL;
}

/* Cuts the path at its slashes, then decodes: an escaped slash belongs to its segment. Returns how many;
 * 0 when there are too many or it is no path; -EINVAL. */
static int split_path(const char *path, char **text, struct segment *segments)
{
        int n = 0;

        if (path[0] != '/')
                return 0;
        for (const char *at = path + 1;;) {
                size_t size = strcspn(at, "/");
                struct segment s = {.at = at, .size = size};

                if (n == HTTP_SEGMENTS_MAX)
                        return 0;
                if (memchr(at, '%', size)) {
                        int r = url_decode(at, size, false, *text, size + 1);

                        if (r < 0)
                                return -EINVAL;
                        s = (struct segment){.at = *text, .size = strlen(*text)};
                        *text += s.size + 1;
                }
                if (!utf8_is_valid(s.at, s.size))
                        return -EINVAL;
                segments[n++] = s;
                if (at[size] == '\0')
                        return n;
                at += size + 1;
        }
}

static bool matches_piece(const struct piece *p, const struct segment *s)
{
        switch (p->kind) {
        case PIECE_LITERAL:
                return s->size == p->size && memcmp(s->at, p->text, p->size) == 0;
        case PIECE_TAILED:
                return s->size > p->size && memcmp(s->at + s->size - p->size, p->text, p->size) == 0;
        case PIECE_VARIABLE:
                return s->size > 0;
        }
        return false;
}

static bool matches(const struct resource *res, const struct segment *segments, size_t n)
{
        if (n != res->n_pieces)
                return false;
        for (size_t i = 0; i < n; i++)
                if (!matches_piece(&res->pieces[i], &segments[i]))
                        return false;
        return true;
}

static void take_variables(const struct resource *res, const struct segment *segments, char *text,
                           struct http_match *ret)
{
        for (size_t i = 0; i < res->n_pieces; i++) {
                const struct piece *p = &res->pieces[i];
                size_t size;

                if (p->kind == PIECE_LITERAL)
                        continue;
                size = segments[i].size - p->size;
                memcpy(text, segments[i].at, size);
                text[size] = '\0';
                ret->variables[ret->n_variables++] = (struct http_variable){.name = p->name, .value = text};
                text += size + 1;
        }
}

static void list_methods(const struct resource *res, char allow[HTTP_ALLOW_SIZE])
{
        size_t n = (size_t)snprintf(allow, HTTP_ALLOW_SIZE, "OPTIONS");

        for (size_t i = 0; i < res->n_routes && n < HTTP_ALLOW_SIZE; i++) {
                const char *method = res->routes[i]->method;

                n += (size_t)snprintf(allow + n, HTTP_ALLOW_SIZE - n, ", %s%s", method,
                                      streq(method, "GET") ? ", HEAD" : "");
        }
}

int http_router_match(const struct http_router *r, const char *method, const char *path, char *text,
                      struct http_match *ret)
{
        struct segment segments[HTTP_SEGMENTS_MAX];
        char *decoded = text;
        int n;

        *ret = (struct http_match){0};
        n = split_path(path, &decoded, segments);
        if (n < 0)
                return n;
        if (streq(method, "HEAD"))
                method = "GET";
        for (size_t i = 0; n > 0 && i < r->n_resources; i++) {
                const struct resource *res = &r->resources[i];

                if (!matches(res, segments, (size_t)n))
                        continue;
                for (size_t k = 0; k < res->n_routes; k++)
                        if (streq(res->routes[k]->method, method))
                                ret->route = res->routes[k];
                if (!ret->route) {
                        list_methods(res, ret->allow);
                        return HTTP_MATCH_METHOD;
                }
                take_variables(res, segments, text + strlen(path) + 1, ret);
                return HTTP_MATCH_FOUND;
        }
        return HTTP_MATCH_NONE;
}
