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

/* The first member of the daemon that is the server's context: guard and health find it there. */
struct web {
        struct service *service;    /* borrowed */
        struct http_server *server; /* owned, as the next two */
        struct auth_hasher *hasher; /* made on the first login */
        struct net_tls *tls;        /* NULL without an https door */
        struct pg_pool *pool;       /* borrowed, as all below */
        const struct auth_conf *auth;
        struct auth_watch *sessions;               /* of open gRPC streams; NULL where there are none */
        const struct web_dependency *dependencies; /* ends with name NULL */
        void *dependency_context;
        const struct web_schema *const *schemas;
        void (*metrics)(void *daemon, struct buf *out);
        struct log_limit login_limit; /* refused logins are told to the journal, not their every repetition */
};

struct web_setup { /* outlives the web, but for `auth` and `http`, which a reload replaces */
        const struct http_route *const *routes;  /* with web_account_routes and web_health_routes */
        const struct web_schema *const *schemas; /* the parts of the OpenAPI document; ends with NULL */
        void (*metrics)(void *daemon, struct buf *out); /* the daemon's own lines */
        const struct auth_conf *auth;
        const struct http_conf *http;
};

struct web_backend;

/* Makes the server and serves the doors that systemd hands over, any number of each: "http", "https" (with
 * the credentials tls.crt and tls.key) and "admin". 0; -ENOENT: not one was there; -errno. Logs what it
 * returns; a failure leaves it fit to be closed. */
int web_open(struct web *w, struct service *service, struct web_backend *b, const struct web_setup *setup);
void web_reload(struct web *w, const struct auth_conf *auth, const struct http_conf *http);
void web_drain(struct web *w);
/* Before the backend; safe on a zeroed one. */
void web_close(struct web *w);

/* The guard of http_server_setup. */
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
