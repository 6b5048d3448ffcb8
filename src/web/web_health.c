/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */

/* /healthz: the loop turns. /readyz: what is needed answers; the database is asked by a query, since a
 * connection that was good a minute ago proves nothing. /metrics, /api/schema. */

#include <errno.h>

#include "base/macro.h"
#include "web/web_private.h"
#include "json/jwrite.h"

#define PING_USEC (2 * USEC_PER_SEC) /* a probe that waits longer is a failed one */

static const struct pg_statement ping_statement = {.name = "web_ping", .sql = "SELECT 1"};

struct readiness { /* in the op slot */
        struct http_request *request;
        struct pg_query ping;
};

static void readiness_done(void *op)
{
        struct readiness *a = op;

        pg_query_done(&a->ping);
}

static int on_healthz(struct http_request *r)
{
        http_reply_text(r, 200, "application/json", "{\"status\":\"ok\"}");
        return 0;
}

/* No server's words: they may hold addresses. The journal has them. */
static const char *ping_reason(int status)
{
        switch (status) {
        case -ETIMEDOUT:
                return "no answer in time";
        case -ESTALE:
                return "the schema is older than this program needs";
        case -EPROTONOSUPPORT:
                return "the schema is newer than this program";
        default:
                return "not connected";
        }
}

static bool is_up(const struct web *w, const struct web_dependency *d, int ping, const char **ret_reason)
{
        *ret_reason = NULL;
        if (d->is_up)
                return d->is_up(w->dependency_context, ret_reason);
        if (ping < 0)
                *ret_reason = ping_reason(ping);
        return ping == 0;
}

static void write_dependency(struct jwrite *j, const struct web_dependency *d, bool up, const char *reason)
{
        jwrite_key(j, d->name);
        jwrite_object_begin(j);
        jwrite_pair(j, "status", up ? "ok" : "down");
        jwrite_key(j, "required");
        jwrite_bool(j, d->required);
        if (!up && reason)
                jwrite_pair(j, "reason", reason);
        jwrite_object_end(j);
}

static void reply_readiness(struct http_request *r, int ping)
{
        struct web *w = web_of(r);
        struct buf dependencies = BUF_EMPTY, body = BUF_EMPTY;
        struct jwrite inner = jwrite_to(&dependencies), outer = jwrite_to(&body);
        const char *status = "ok";
        bool is_down = false;

        jwrite_object_begin(&inner);
        for (const struct web_dependency *d = w->dependencies; d && d->name; d++) {
                const char *reason;
                bool up = is_up(w, d, ping, &reason);

                is_down |= !up && d->required;
                if (!up)
                        status = is_down ? "down" : "degraded";
                write_dependency(&inner, d, up, reason);
        }
        jwrite_object_end(&inner);
        jwrite_object_begin(&outer);
        jwrite_pair(&outer, "status", status);
        jwrite_key(&outer, "dependencies");
        if (buf_error(&dependencies) == 0)
                jwrite_raw(&outer, buf_bytes(&dependencies), buf_size(&dependencies));
        jwrite_object_end(&outer);
        if (buf_error(&dependencies) < 0 || buf_error(&body) < 0)
                http_reply_error(r, -ENOMEM);
        else
                http_reply_buf(r, is_down ? 503 : 200, "application/json", &body);
        buf_done(&dependencies);
        buf_done(&body);
}

static void on_ping(struct pg_query *q)
{
        reply_readiness(container_of(q, struct readiness, ping)->request, q->status);
}

static int on_readyz(struct http_request *r)
{
        struct web *w = web_of(r);
        struct readiness *a;
        usec_t deadline = usec_add(clock_monotonic_usec(), PING_USEC);
        int k;

        a = http_request_op(r, sizeof(*a), readiness_done);
        if (!a)
                return -ENOMEM;
        a->request = r;
        pg_query_init(&a->ping, &ping_statement, on_ping);
        k = pg_query_submit(&a->ping, w->pool, PG_LANE_READ, MIN_OF(deadline, http_request_deadline(r)));
        if (k < 0)
                reply_readiness(r, k);
        return 0;
}

static int on_metrics(struct http_request *r)
{
        struct buf body = BUF_EMPTY;

        web_metrics_write(web_of(r), &body);
        if (buf_error(&body) < 0)
                return -ENOMEM;
        http_reply_buf(r, 200, "text/plain; version=0.0.4; charset=utf-8", &body);
        buf_done(&body);
        return 0;
}

static int on_schema(struct http_request *r)
{
        json_t *document;
        int k;

        k = web_schema_unite(web_of(r)->schemas, &document);
        if (k < 0)
                return k;
        http_reply_json(r, 200, document);
        return 0;
}

const struct http_route web_health_routes[] = {
        {"GET", "/healthz", on_healthz, HTTP_ROUTE_QUIET, AUTH_READ | WEB_SCOPE_LOCAL},
        {"GET", "/readyz", on_readyz, HTTP_ROUTE_QUIET, AUTH_READ | WEB_SCOPE_LOCAL},
        {"GET", "/metrics", on_metrics, HTTP_ROUTE_QUIET, AUTH_READ | WEB_SCOPE_LOCAL},
        {"GET", "/api/schema", on_schema, 0, 0},
        {NULL},
};
