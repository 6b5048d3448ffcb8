/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */

/* The wiring of lonja-products. */

#include <errno.h>

#include "base/alloc.h"
#include "contract/names.h"
#include "products/products.h"

static const struct mq_exchange exchanges[] = {{EVENTS_EXCHANGE, "topic"}, {DEAD_EXCHANGE, "direct"}, {NULL}};

static const struct http_route *const routes[] = {
        products_routes,
        web_account_routes,
        web_health_routes,
        NULL,
};

static const struct web_schema *const schemas[] = {
        &products_schema,
        &web_account_schema,
        &web_operation_schema,
        NULL,
};

static int connect_servers(struct products *d)
{
        const struct web_backend_setup setup = {
                .name = "lonja-products",
                .database = &d->conf->database,
                .broker = &d->conf->broker,
                .topology = &d->topology,
                .consumes = true,
        };
        int r;

        tasks_topology(&d->queues, &d->conf->tasks, PRODUCTS_QUEUE, PRODUCTS_QUEUE DEAD_SUFFIX);
        d->topology = (struct mq_topology){exchanges, d->queues.queues, d->queues.bindings};
        r = web_backend_open(&d->backend, d->service, &setup);
        if (r < 0)
                return r;
        r = product_lookup_new(&d->lookup, service_loop(d->service), d->backend.pool);
        if (r < 0)
                return log_error_errno(r, "Cannot set up the look-up: %m");
        return task_worker_new(&d->tasks, &(struct task_worker_setup){
                                                  .service = d->service,
                                                  .pool = d->backend.pool,
                                                  .link = d->backend.link,
                                                  .conf = &d->conf->tasks,
                                                  .queue = PRODUCTS_QUEUE,
                                                  .handlers = products_tasks,
                                                  .context = d,
                                          });
}

static int open_doors(struct products *d)
{
        return web_open(&d->web, d->service, &d->backend,
                        &(struct web_setup){
                                .routes = routes,
                                .schemas = schemas,
                                .metrics = products_metrics,
                                .auth = &d->conf->auth,
                                .http = &d->conf->http,
                        });
}

static void products_free(void *daemon)
{
        struct products *d = daemon;

        if (!d)
                return;
        web_close(&d->web);
        task_worker_free(d->tasks);
        product_lookup_free(d->lookup);
        web_backend_close(&d->backend);
        free(d);
}

static int products_start(struct service *service, const void *conf, void **ret_daemon)
{
        struct products *d = new0(struct products, 1);
        int r;

        if (!d)
                return log_error_errno(-ENOMEM, "Cannot start: %m");
        d->service = service;
        d->conf = conf;
        r = connect_servers(d);
        if (r < 0)
                goto finish;
        r = open_doors(d);
        if (r < 0)
                goto finish;
        web_backend_tell(&d->backend);
        *ret_daemon = TAKE_PTR(d);
finish:
        products_free(d);
        return r;
}

/* Servers' addresses and certificates are read at start; limits, rights and times change at once. */
static void products_reload(void *daemon, const void *conf)
{
        struct products *d = daemon;

        d->conf = conf;
        task_worker_reload(d->tasks, &d->conf->tasks);
        web_reload(&d->web, &d->conf->auth, &d->conf->http);
}

/* The bell says that somebody left an event in the outbox, or a task for later: relay and worker look. */
static void products_ring(void *daemon)
{
        struct products *d = daemon;

        event_relay_poke(d->backend.relay);
        task_worker_ring(d->tasks);
}

static void products_drain(void *daemon)
{
        struct products *d = daemon;

        web_drain(&d->web);
        task_worker_drain(d->tasks);
        event_relay_drain(d->backend.relay);
}

static const struct listen_door doors[] = {
        {"http", LISTEN_STREAM_INET, false},
        {"https", LISTEN_STREAM_INET, false},
        {"admin", LISTEN_STREAM_UNIX, false},
        {"bell", LISTEN_DATAGRAM, false},
        {NULL},
};

const struct service_daemon products_daemon = {
        .word = "products",
        .summary = "the product catalogue over REST",
        .tables = products_conf_tables,
        .conf_size = sizeof(struct products_conf),
        .doors = doors,
        .start = products_start,
        .reload = products_reload,
        .ring = products_ring,
        .drain = products_drain,
        .free = products_free,
};
