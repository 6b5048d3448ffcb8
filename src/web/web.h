/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */
#pragma once

/* What every HTTP daemon offers besides its own resources: authorization by route, sessions and users,
 * health, readiness, metrics, schema.
 *
 * web/ stands between http/ (which knows no tokens) and auth/ (which knows no requests), so that both stay
 * ignorant of each other. */

#include "auth/auth.h"
#include "auth/auth_hasher.h"
#include "auth/auth_watch.h"
#include "http/http_server.h"
#include "pg/pg_pool.h"
#include "service/log.h"
#include "web/web_schema.h"

/* What a route may say in http_route.scope beside AUTH_*. A route that names a scope needs it; GET routes
 * with AUTH_READ follow AnonymousRead=. 0 = open to everyone. */
enum web_scope {
        WEB_SCOPE_LOCAL = 1 << 8,   /* open on loopback without a proxy: health and metrics */
        WEB_SCOPE_SESSION = 1 << 9, /* any valid token; never anonymous */
};

struct web_dependency {
        const char *name; /* "database", "broker" */
        bool required;    /* down -> 503; otherwise 200 with "degraded" */
        /* NULL: the database of `pool`, asked by a query when /readyz is. */
        bool (*is_up)(void *context, const char **ret_reason);
};

struct web {
        struct service *service;    /* borrowed, as all below */
        struct pg_pool *pool;       /* NULL where a daemon has no database (bridge) */
        struct auth_hasher *hasher; /* owned; made on the first login */
        const struct auth_conf *auth;
        struct auth_watch *sessions;               /* of open gRPC streams; NULL where there are none */
        const struct web_dependency *dependencies; /* ends with name NULL */
        void *dependency_context;
        const struct web_schema *const *schemas; /* the parts of the OpenAPI document; ends with NULL */
        void (*metrics)(void *context, struct buf *out); /* the daemon's own lines; may be NULL */
        void *metrics_context;
        struct http_server *server;
        struct log_limit login_limit; /* refused logins are told to the journal, not their every repetition */
};

/* The guard of http_server_setup. The context of the server must be a struct whose first member is `struct
 * web *`. */
struct web_context {
        struct web *web;
};
void web_guard(struct http_request *r);
/* The token that the request brings: Authorization, or, for browsers, which cannot set that when they open a
 * WebSocket, the subprotocol "bearer.<token>"; or NULL. Borrowed from the request. */
const char *web_bearer_token(const struct http_request *r);
/* Never NULL behind the guard; user "" and scopes 0 on a route that is open. */
const struct auth_identity *web_identity(const struct http_request *r);

extern const struct http_route web_health_routes[];  /* /healthz /readyz /metrics /api/schema */
extern const struct http_route web_account_routes[]; /* /api/sessions... /api/users... */

/* For `metrics`: figures with their HELP and TYPE ("counter", "gauge"). */
struct web_metric {
        const char *name, *type, *help;
        uint64_t value;
};
void web_metrics(struct buf *out, const struct web_metric *metrics, size_t n);
/* HELP and TYPE alone, for a family whose samples carry labels and are written by hand. */
void web_metric_family(struct buf *out, const char *name, const char *type, const char *help);

void web_done(struct web *w);
