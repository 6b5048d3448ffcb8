/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */

/* grpc.health.v1.Health (grpc/doc/health-checking.md). */

#include <errno.h>

#include "proto/grpc/health/v1/health.pb-c.h"
#include "rpc/rpc_internal.h"

struct watcher { /* in the call's slot */
        struct rpc_call *call;
        struct list_link link;
};

static const char *service_of(const struct rpc_call *c)
{
        const Grpc__Health__V1__HealthCheckRequest *q = (const void *)rpc_call_request(c);

        return q->service;
}

static bool is_known(const struct rpc_call *c)
{
        return service_of(c)[0] == '\0' || rpc_server_has_service(c->server, service_of(c));
}

static Grpc__Health__V1__HealthCheckResponse state_of(const struct rpc_call *c)
{
        Grpc__Health__V1__HealthCheckResponse m = GRPC__HEALTH__V1__HEALTH_CHECK_RESPONSE__INIT;

        if (!is_known(c))
                m.status = GRPC__HEALTH__V1__HEALTH_CHECK_RESPONSE__SERVING_STATUS__SERVICE_UNKNOWN;
        else if (c->server->is_unserving)
                m.status = GRPC__HEALTH__V1__HEALTH_CHECK_RESPONSE__SERVING_STATUS__NOT_SERVING;
        else
                m.status = GRPC__HEALTH__V1__HEALTH_CHECK_RESPONSE__SERVING_STATUS__SERVING;
        return m;
}

static int check_begin(struct rpc_call *c)
{
        Grpc__Health__V1__HealthCheckResponse m = state_of(c);

        if (is_known(c))
                rpc_call_reply(c, &m.base);
        else
                rpc_call_finish(c, GRPC_NOT_FOUND, "not-found: there is no such service here");
        return 0;
}

static void tell(struct rpc_call *c)
{
        Grpc__Health__V1__HealthCheckResponse m = state_of(c);
        int r = rpc_call_send(c, &m.base);

        if (r < 0 && r != -EPIPE)
                rpc_call_error(c, r);
}

static void watch_done(void *op)
{
        struct watcher *w = op;

        list_remove(&w->link);
}

static int watch_begin(struct rpc_call *c)
{
        struct watcher *w = rpc_call_op(c, sizeof(*w), watch_done);

        if (!w)
                return -ENOMEM;
        w->call = c;
        list_append(&c->server->watchers, &w->link);
        tell(c);
        return 0;
}

void rpc_health_changed(struct rpc_server *s)
{
        LIST_FOREACH (i, &s->watchers)
                tell(LIST_ENTRY(i, struct watcher, link)->call);
}

const struct rpc_method rpc_health_methods[] = {
        {.name = "/grpc.health.v1.Health/Check",
         .kind = RPC_UNARY,
         .request = &grpc__health__v1__health_check_request__descriptor,
         .response = &grpc__health__v1__health_check_response__descriptor,
         .begin = check_begin,
         .flags = RPC_METHOD_QUIET,
         .message_max = 1024},
        {.name = "/grpc.health.v1.Health/Watch",
         .kind = RPC_SERVER_STREAM,
         .request = &grpc__health__v1__health_check_request__descriptor,
         .response = &grpc__health__v1__health_check_response__descriptor,
         .begin = watch_begin,
         .flags = RPC_METHOD_QUIET | RPC_METHOD_ENDLESS,
         .message_max = 1024},
        {0},
};
