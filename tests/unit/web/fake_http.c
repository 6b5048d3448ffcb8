/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */
#include "fake_http.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

void fake_request_init(struct http_request *r, const char *query)
{
        memset(r, 0, sizeof(*r));
        r->peer = (struct net_peer){.text = "127.0.0.1:40000", .is_loopback = true, .uid = (uid_t)-1};
        if (url_query_parse(query, strlen(query), &r->query) < 0)
                abort();
}

void fake_request_done(struct http_request *r)
{
        if (r->op_done)
                r->op_done(r->op);
        if (r->guard_done)
                r->guard_done(r->guard);
        free(r->op);
        free(r->guard);
        url_query_done(&r->query);
}

const char *fake_request_replied(const struct http_request *r, const char *name)
{
        for (size_t i = 0; i < r->n_replied; i++)
                if (strcasecmp(r->replied[i].name, name) == 0)
                        return r->replied[i].value;
        return NULL;
}

void *http_request_context(const struct http_request *r)
{
        return r->context;
}

const struct http_route *http_request_route(const struct http_request *r)
{
        return r->route;
}

void *http_request_op(struct http_request *r, size_t size, void (*done)(void *op))
{
        r->op = calloc(1, size);
        r->op_done = done;
        return r->op;
}

void *http_request_guard(struct http_request *r, size_t size, void (*done)(void *guard))
{
        r->guard = calloc(1, size);
        r->guard_done = done;
        return r->guard;
}

const char *http_request_path(const struct http_request *r)
{
        return r->path;
}

const char *http_request_segment(const struct http_request *r, const char *name)
{
        return r->segment;
}

const struct url_query *http_request_query(const struct http_request *r)
{
        return &r->query;
}

const char *http_request_header(const struct http_request *r, const char *name)
{
        for (size_t i = 0; i < FAKE_HEADERS_MAX && r->headers[i].name; i++)
                if (strcasecmp(r->headers[i].name, name) == 0)
                        return r->headers[i].value;
        return NULL;
}

char *http_request_copy(struct http_request *r, const char *p, size_t n)
{
        assert(n < sizeof(r->copy));
        memcpy(r->copy, p, n);
        r->copy[n] = '\0';
        return r->copy;
}

const struct net_peer *http_request_peer(const struct http_request *r)
{
        return &r->peer;
}

bool http_request_is_forwarded(const struct http_request *r)
{
        return r->is_forwarded;
}

const char *http_request_body(const struct http_request *r, size_t *ret_size)
{
        *ret_size = strlen(r->body);
        return r->body;
}

usec_t http_request_deadline(const struct http_request *r)
{
        return 12345;
}

void http_request_set_identity(struct http_request *r, const void *identity)
{
        r->identity = identity;
}

const void *http_request_identity(const struct http_request *r)
{
        return r->identity;
}

void http_request_set_user(struct http_request *r, const char *user)
{
        (void)snprintf(r->user, sizeof(r->user), "%s", user);
}

void http_request_log_field(struct http_request *r, const char *name, const char *value)
{
        assert(r->n_fields < 4);
        snprintf(r->fields[r->n_fields].name, sizeof(r->fields[0].name), "%s", name);
        snprintf(r->fields[r->n_fields].value, sizeof(r->fields[0].value), "%s", value);
        r->n_fields++;
}

void http_request_pass(struct http_request *r)
{
        r->n_passed++;
}

void http_reply_header(struct http_request *r, const char *name, const char *value)
{
        assert(r->n_replied < FAKE_HEADERS_MAX);
        snprintf(r->replied[r->n_replied].name, sizeof(r->replied[0].name), "%s", name);
        snprintf(r->replied[r->n_replied].value, sizeof(r->replied[0].value), "%s", value);
        r->n_replied++;
}

static void reply(struct http_request *r, unsigned status)
{
        r->n_replies++;
        r->status = status;
}

void http_reply_buf(struct http_request *r, unsigned status, const char *content_type, struct buf *body)
{
        reply(r, status);
        snprintf(r->content, sizeof(r->content), "%.*s", (int)buf_size(body), buf_bytes(body));
        buf_done(body);
}

void http_reply_text(struct http_request *r, unsigned status, const char *content_type, const char *text)
{
        reply(r, status);
        snprintf(r->content, sizeof(r->content), "%s", text);
}

void http_reply_empty(struct http_request *r, unsigned status)
{
        reply(r, status);
}

void http_reply_problem(struct http_request *r, unsigned status, const char *slug, const char *fmt, ...)
{
        va_list ap;

        reply(r, status);
        snprintf(r->slug, sizeof(r->slug), "%s", slug);
        if (!fmt)
                return;
        va_start(ap, fmt);
        vsnprintf(r->detail, sizeof(r->detail), fmt, ap);
        va_end(ap);
}

void http_reply_invalid(struct http_request *r, const struct field_errors *errors)
{
        reply(r, 400);
        r->errors = *errors;
}

void http_reply_error(struct http_request *r, int error)
{
        reply(r, 500);
        r->error = error;
}
