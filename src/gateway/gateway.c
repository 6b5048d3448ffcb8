/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */

/* The wiring of lonja-gateway. */

#include <errno.h>

#include "base/alloc.h"
#include "contract/names.h"
#include "gateway/gateway.h"

static const struct mq_exchange exchanges[] = {
        {EVENTS_EXCHANGE, "topic"},
        {DEAD_EXCHANGE, "direct"},
        {NULL},
};
static const struct mq_queue queues[] = {
        {RECORDS_QUEUE, "quorum", .dead_letter_exchange = DEAD_EXCHANGE, .dead_letter_key = RECORDS_QUEUE},
        {RECORDS_QUEUE DEAD_SUFFIX, "quorum"},
        {NULL},
};
static const struct mq_binding bindings[] = {
        {RECORDS_QUEUE DEAD_SUFFIX, DEAD_EXCHANGE, RECORDS_QUEUE},
        {NULL},
};
static const struct mq_topology topology = {exchanges, queues, bindings};

static const struct http_route *const routes[] = {
        gateway_routes,
        web_account_routes,
        web_health_routes,
        NULL,
};

static const struct rpc_method *const methods[] = {
        gateway_methods,
        rpc_health_methods,
        rpc_reflection_methods,
        NULL,
};

static const struct web_schema *const schemas[] = {
        &gateway_schema, &calculation_schema, &web_account_schema, &web_operation_schema, NULL,
};

/* A consumer of a queue cannot be woken by AMQP: to take records at once, it has to be there. */
static void stay_if_wanted(struct gateway *d, bool wanted)
{
        if (wanted == d->is_resident)
                return;
        d->is_resident = wanted;
        (wanted ? service_hold : service_release)(d->service);
}

static int open_backend(struct gateway *d)
{
        const struct web_backend_setup setup = {
                .name = "lonja-gateway",
                .database = &d->conf->database,
                .broker = &d->conf->broker,
                .topology = &topology,
                .consumes = true,
        };

        return web_backend_open(&d->backend, d->service, &setup);
}

/* Somebody has left an event in the outbox. */
static void on_committed(void *context)
{
        struct gateway *d = context;

        event_relay_poke(d->backend.relay);
}

static int open_domains(struct gateway *d)
{
        int r;

        r = records_new(&d->records, service_loop(d->service), d->backend.pool, d->backend.relay,
                        d->conf->gateway.record_template);
        if (r < 0)
                return log_error_errno(r, "Cannot set up records: %m");
        r = record_queue_new(&d->record_queue, d->service, d->backend.link, d->records);
        if (r < 0)
                return log_error_errno(r, "Cannot consume " RECORDS_QUEUE ": %m");
        record_feed_start(&d->record_feed, d->backend.pool, d->backend.relay);
        auth_watch_init(&d->sessions, service_loop(d->service), d->backend.pool);
        r = calculations_new(&d->calculations, d->service, d->backend.pool, &d->conf->broker, on_committed,
                             d);
        if (r < 0)
                return log_error_errno(r, "Cannot set up calculations: %m");
        return http_tasks_new(&d->http_tasks, d->service, d->backend.pool, d->conf);
}

static void close_domains(struct gateway *d)
{
        d->http_tasks = http_tasks_free(d->http_tasks);
        record_feed_stop(&d->record_feed);
        auth_watch_done(&d->sessions);
        d->record_queue = record_queue_free(d->record_queue);
        d->calculations = calculations_free(d->calculations);
        d->records = records_free(d->records);
}

/* The doors that people and programs come by. */
static int open_doors(struct gateway *d)
{
        d->web.sessions = &d->sessions;
        return web_open(&d->web, d->service, &d->backend,
                        &(struct web_setup){
                                .routes = routes,
                                .schemas = schemas,
                                .metrics = gateway_metrics,
                                .auth = &d->conf->auth,
                                .http = &d->conf->http,
                        });
}

static int open_rpc_doors(struct gateway *d)
{
        const struct rpc_server_setup setup = {
                .methods = methods,
                .context = d,
                .guard = web_rpc_guard,
                .conf = &d->conf->rpc,
        };
        int r;

        r = rpc_server_new(&d->rpc, d->service, &setup);
        if (r < 0)
                return log_error_errno(r, "Cannot set up the gRPC server: %m");
        return web_rpc_doors_open(d->rpc, d->service, &d->rpc_tls);
}

static void gateway_free(void *daemon)
{
        struct gateway *d = daemon;

        if (!d)
                return;
        rpc_server_free(d->rpc);
        web_close(&d->web);
        close_domains(d);
        web_backend_close(&d->backend);
        net_tls_free(d->rpc_tls);
        free(d);
}

static int gateway_start(struct service *service, const void *conf, void **ret_daemon)
{
        struct gateway *d = new0(struct gateway, 1);
        int r;

        if (!d)
                return log_error_errno(-ENOMEM, "Cannot start: %m");
        d->service = service;
        d->conf = conf;
        r = open_backend(d);
        if (r < 0)
                goto finish;
        r = open_domains(d);
        if (r < 0)
                goto finish;
        if ((r = open_doors(d)) < 0 || (r = open_rpc_doors(d)) < 0)
                goto finish;
        stay_if_wanted(d, d->conf->gateway.amqp_records);
        web_backend_tell(&d->backend);
        *ret_daemon = TAKE_PTR(d);
finish:
        gateway_free(d);
        return r;
}

/* Servers' addresses and certificates are read at start; limits, rights and times change at once. */
static void gateway_reload(void *daemon, const void *conf)
{
        struct gateway *d = daemon;

        d->conf = conf;
        web_reload(&d->web, &d->conf->auth, &d->conf->http);
        rpc_server_reload(d->rpc, &d->conf->rpc);
        http_tasks_reload(d->http_tasks, d->conf);
        records_set_template(d->records, d->conf->gateway.record_template);
        if (!service_is_draining(d->service))
                stay_if_wanted(d, d->conf->gateway.amqp_records);
}

/* The bell says that something lies in a queue or in the outbox. The queues are consumed while the process
 * is there; the relay looks. */
static void gateway_ring(void *daemon)
{
        struct gateway *d = daemon;

        event_relay_poke(d->backend.relay);
        http_tasks_ring(d->http_tasks);
}

static void gateway_drain(void *daemon)
{
        struct gateway *d = daemon;

        web_drain(&d->web);
        calculations_drain(d->calculations);
        rpc_server_drain(d->rpc);
        record_queue_drain(d->record_queue);
        http_tasks_drain(d->http_tasks);
        event_relay_drain(d->backend.relay);
        stay_if_wanted(d, false);
}

static const struct listen_door doors[] = {
        {"http", LISTEN_STREAM_INET, false},
        {"https", LISTEN_STREAM_INET, false},
        {"grpc", LISTEN_STREAM_INET, false},
        {"grpcs", LISTEN_STREAM_INET, false},
        {"admin", LISTEN_STREAM_UNIX, false},
        {"bell", LISTEN_DATAGRAM, false},
        {NULL},
};

const struct service_daemon gateway_daemon = {
        .word = "gateway",
        .summary = "message records by any door, users and sessions",
        .tables = gateway_conf_tables,
        .conf_size = sizeof(struct gateway_conf),
        .doors = doors,
        .validate = gateway_conf_validate,
        .start = gateway_start,
        .reload = gateway_reload,
        .ring = gateway_ring,
        .drain = gateway_drain,
        .free = gateway_free,
};
