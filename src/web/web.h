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
#include "http/http_server.h"
#include "pg/pg_pool.h"

struct web_dependency {
        const char *name; /* "database", "broker" */
        bool required;    /* down -> 503; otherwise 200 with "degraded" */
        bool (*is_up)(void *context, const char **ret_reason);
};

struct web {
        struct service *service;    /* borrowed, as all below */
        struct pg_pool *pool;       /* NULL where a daemon has no database (bridge) */
        struct auth_hasher *hasher; /* owned; made on the first login */
        const struct auth_conf *auth;
        const struct web_dependency *dependencies; /* ends with name NULL */
        void *dependency_context;
        const char *schema; /* the OpenAPI document, JSON text */
        size_t schema_size;
        void (*metrics)(void *context, struct buf *out); /* the daemon's own lines; may be NULL */
        struct http_server *server;
};

/* The guard of http_server_setup. The context of the server must be a struct whose first member is `struct
 * web *`. */
struct web_context {
        struct web *web;
};
void web_guard(struct http_request *r);
const struct auth_identity *web_identity(const struct http_request *r);

extern const struct http_route web_health_routes[];  /* /healthz /readyz /metrics /api/schema */
extern const struct http_route web_account_routes[]; /* /api/sessions... /api/users... */

void web_done(struct web *w);
