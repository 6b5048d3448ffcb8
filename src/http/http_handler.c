/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */

/* What handlers ask of a request and say about it, short of the answer. */

#include <string.h>

#include "base/str.h"
#include "http/http_internal.h"

void *http_request_context(const struct http_request *r)
{
        return r->server->setup.context;
}

struct http_server *http_request_server(const struct http_request *r)
{
        return r->server;
}

const struct http_route *http_request_route(const struct http_request *r)
{
        return r->route;
}

void *http_request_op(struct http_request *r, size_t size, void (*done)(void *op))
{
        assert(!r->op);
        r->op = http_request_alloc(r, size);
        if (!r->op)
                return NULL;
        r->op_done = done;
        return memset(r->op, 0, size);
}

void *http_request_slot(const struct http_request *r)
{
        return r->op;
}

void *http_request_guard(struct http_request *r, size_t size, void (*done)(void *guard))
{
        assert(!r->guard);
        r->guard = http_request_alloc(r, size);
        if (!r->guard)
                return NULL;
        r->guard_done = done;
        return memset(r->guard, 0, size);
}

const char *http_request_method(const struct http_request *r)
{
        return r->method;
}

const char *http_request_path(const struct http_request *r)
{
        return r->path;
}

const char *http_request_segment(const struct http_request *r, const char *name)
{
        for (size_t i = 0; i < r->match.n_variables; i++)
                if (streq(r->match.variables[i].name, name))
                        return r->match.variables[i].value;
        return NULL;
}

const struct url_query *http_request_query(const struct http_request *r)
{
        static const struct url_query nothing = {0};

        return r->query ? r->query : &nothing;
}

const char *http_request_header(const struct http_request *r, const char *name)
{
        const char *value = r->mhd ? MHD_lookup_connection_value(r->mhd, MHD_HEADER_KIND, name) : NULL;

        /* MHD's text dies with the connection, which may be before the request. */
        return value ? http_request_strdup((struct http_request *)r, value) : NULL;
}

char *http_request_copy(struct http_request *r, const char *p, size_t n)
{
        char *copy = http_request_alloc(r, n + 1);

        if (!copy)
                return NULL;
        copy[n] = '\0';
        return memcpy(copy, p, n);
}

const char *http_request_id(const struct http_request *r)
{
        return r->id;
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
        *ret_size = buf_size(&r->body);
        return *ret_size > 0 ? buf_bytes(&r->body) : "";
}

usec_t http_request_deadline(const struct http_request *r)
{
        return r->deadline_usec;
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
        r->user = http_request_strdup(r, user);
}

void http_request_log_field(struct http_request *r, const char *name, const char *value)
{
        char *copy;

        if (r->n_log == HTTP_LOG_FIELDS_MAX || !value)
                return;
        copy = http_request_strdup(r, value);
        if (!copy)
                return;
        r->log[r->n_log].name = name;
        r->log[r->n_log++].value = copy;
}

/* ---- a body in pieces ---- */

void http_body_receive(struct http_request *r, const struct http_body_handler *handler)
{
        r->receiver = handler;
        http_port_wake(r);
}

void http_body_resume(struct http_request *r)
{
        if (!r->is_paused)
                return;
        r->is_paused = false;
        if (r->connection)
                http_port_wake(r);
}
