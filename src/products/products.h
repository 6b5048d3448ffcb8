/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */
#pragma once

/* lonja-products: what the process is made of. The handlers get it by http_request_context(). */

#include "net/net_tls.h"
#include "products/product_lookup.h"
#include "products/products_conf.h"
#include "tasks/task_worker.h"
#include "web/web_backend.h"

struct products_counters {
        uint64_t n_imports, n_imported, n_exports, n_adjustments;
};

struct products {
        struct web web;                   /* first: the guard finds it there */
        struct service *service;          /* borrowed */
        const struct products_conf *conf; /* borrowed, replaced by reload */
        struct tasks_topology queues;
        struct mq_topology topology;
        struct web_backend backend;
        struct product_lookup *lookup; /* owned, as all below */
        struct task_worker *tasks;
        struct products_counters counters;
};

extern const struct service_daemon products_daemon;
extern const struct http_route products_routes[];
extern const struct task_handler products_tasks[];

/* Made from products.openapi.json by the build. */
extern const struct web_schema products_schema;

/* The daemon's own lines of /metrics. */
void products_metrics(void *context, struct buf *out);
