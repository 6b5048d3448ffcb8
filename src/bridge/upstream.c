/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/str.h"
#include "bridge/problem_text.h"
#include "bridge/upstream.h"
#include "json/jread.h"

#define BEARER "Authorization: Bearer "
#define REQUEST_ID "X-Request-ID: "

int upstream_init(struct upstream *u, sd_event *loop, const char *url, const char *ca_file,
                  unsigned connections_max, usec_t timeout_usec)
{
        struct fetch_conf conf = {
                .base_url = url,
                .ca_file = *ca_file ? ca_file : NULL,
                .connections_max = connections_max,
        };

        *u = (struct upstream){.timeout_usec = timeout_usec, .is_up = true};
        return fetch_client_new(&u->client, loop, &conf);
}

void upstream_done(struct upstream *u)
{
        u->client = fetch_client_free(u->client);
}

bool upstream_token_is_valid(const char *s)
{
        size_t n = strspn(s, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~+/=");

        return n > 0 && n <= UPSTREAM_TOKEN_MAX && s[n] == '\0';
}

static enum upstream_outcome outcome_of(const struct fetch *f)
{
        if (f->error < 0 || f->status >= 500 || f->status == 429 || f->status == 408)
                return UPSTREAM_AWAY;
        if (f->status == 304)
                return UPSTREAM_SAME;
        if (f->status >= 200 && f->status < 300)
                return UPSTREAM_FOUND;
        return UPSTREAM_REFUSED;
}

static void upstream_note(struct upstream *u, const struct upstream_get *g)
{
        bool is_up = g->outcome != UPSTREAM_AWAY, was_up = u->is_up;

        u->n_failures += !is_up;
        u->is_up = is_up;
        u->why[0] = '\0';
        if (g->fetch.error < 0)
                snprintf(u->why, sizeof(u->why), "%s", g->fetch.reason);
        else if (!is_up)
                snprintf(u->why, sizeof(u->why), "it answers %u", g->fetch.status);
        if (is_up != was_up && u->changed)
                u->changed(u);
}

static void on_complete(struct fetch *f)
{
        struct upstream_get *g = container_of(f, struct upstream_get, fetch);

        g->outcome = outcome_of(f);
        upstream_note(g->upstream, g);
        g->complete(g);
}

static void add_header(struct upstream_get *g, char *line, size_t size, const char *prefix, const char *value)
{
        int n = snprintf(line, size, "%s%s", prefix, value);

        if (n > 0 && (size_t)n < size)
                g->fetch.headers[g->fetch.n_headers++] = line;
}

int upstream_get_submit(struct upstream_get *g, struct upstream *u, const char *path, const char *token,
                        const char *etag, const char *request_id, void (*complete)(struct upstream_get *g))
{
        char id[ID_SIZE];
        int r;

        r = strdup_to(&g->path, path);
        if (r < 0)
                return r;
        if (!request_id) {
                id_make(id);
                request_id = id;
        }
        g->upstream = u;
        g->complete = complete;
        g->fetch.method = "GET";
        g->fetch.path = g->path;
        g->fetch.n_headers = 0;
        g->fetch.timeout_usec = u->timeout_usec;
        g->fetch.complete = on_complete;
        add_header(g, g->request_id, sizeof(g->request_id), REQUEST_ID, request_id);
        if (token)
                add_header(g, g->authorization, sizeof(g->authorization), BEARER, token);
        if (etag && *etag)
                add_header(g, g->if_none_match, sizeof(g->if_none_match), "If-None-Match: ", etag);
        u->n_requests++;
        return fetch_submit(&g->fetch, u->client);
}

void upstream_get_cancel(struct upstream_get *g)
{
        fetch_cancel(&g->fetch);
}

void upstream_get_done(struct upstream_get *g)
{
        fetch_done(&g->fetch);
        free(g->path);
        g->path = NULL;
}

const char *upstream_get_id(const struct upstream_get *g)
{
        return g->request_id + sizeof(REQUEST_ID) - 1;
}

/* The problem document of the answer; NULL when there is none to be passed on. */
static json_t *answered_problem(const struct fetch *f)
{
        struct field_errors errors = {0};
        json_t *value = NULL;

        if (f->error < 0 || buf_size(&f->answer) == 0 ||
            jread_text(buf_bytes(&f->answer), buf_size(&f->answer), &value, &errors) < 0)
                return NULL;
        if (!json_is_string(json_object_get(value, "type"))) {
                json_decref(value);
                return NULL;
        }
        return value;
}

static int append_text(const char *text, size_t n, void *out)
{
        buf_append(out, text, n);
        return 0;
}

void upstream_get_problem(const struct upstream_get *g, const char *code, struct buf *out)
{
        _cleanup_json_ json_t *problem = answered_problem(&g->fetch);
        char detail[256];

        if (problem) {
                if (code)
                        json_object_set_new(problem, "code", json_string(code));
                if (json_dump_callback(problem, append_text, out, JSON_COMPACT) < 0)
                        out->failed = true;
                return;
        }
        if (g->fetch.error < 0) {
                snprintf(detail, sizeof(detail), "the product API does not answer: %s", g->fetch.reason);
                problem_text_write(out, 503, "unavailable", detail, NULL, code);
                return;
        }
        snprintf(detail, sizeof(detail), "the product API answers %u", g->fetch.status);
        problem_text_write(out, g->outcome == UPSTREAM_REFUSED ? g->fetch.status : 503,
                           g->fetch.status == 404   ? "not-found"
                           : g->fetch.status == 401 ? "invalid-token"
                           : g->fetch.status == 403 ? "insufficient-scope"
                                                    : "unavailable",
                           detail, NULL, code);
}
