/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */
#pragma once

/* lonja-gateway: what the process is made of. The handlers get it by http_request_context().
 *
 * The same for gRPC, by rpc_call_context(); its methods are in methods.c.
 *
 * Each domain (message records, calculations, ...) is files of its own with one member here; what it needs is
 * opened after the backend and closed before it (gateway.c), its routes are in routes.c. */

#include "gateway/calculation.h"
#include "gateway/gateway_conf.h"
#include "gateway/http_task.h"
#include "gateway/record_feed.h"
#include "gateway/record_queue.h"
#include "net/net_tls.h"
#include "web/web_backend.h"
#include "web/web_rpc.h"

struct gateway {
        struct web web;                  /* first: the guard finds it there */
        struct service *service;         /* borrowed */
        const struct gateway_conf *conf; /* borrowed, replaced by reload */
        struct web_backend backend;
        struct records *records; /* owned, as all below */
        struct record_queue *record_queue;
        struct calculations *calculations;
        struct http_tasks *http_tasks;
        struct net_tls *rpc_tls; /* NULL without a grpcs door */
        struct rpc_server *rpc;
        struct record_feed record_feed;
        struct auth_watch sessions; /* of streams */
        bool is_resident;           /* holds the service: AmqpRecords= */
};

extern const struct service_daemon gateway_daemon;
extern const struct http_route gateway_routes[];
extern const struct rpc_method gateway_methods[];

/* Made from gateway.openapi.json by the build. */
extern const struct web_schema calculation_schema, gateway_schema;

/* The daemon's own lines of /metrics. */
void gateway_metrics(void *context, struct buf *out);
