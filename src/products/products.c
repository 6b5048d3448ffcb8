/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */

/* The wiring of lonja-products, and what it says about its dependencies. */

#include <errno.h>

#include "base/alloc.h"
#include "base/str.h"
#include "contract/names.h"
#include "products/products.h"
#include "service/log_ids.h"

#define TRANSITIONS_PER_MINUTE 6 /* a dependency that flaps says so three times, not for ever */

static const struct mq_exchange exchanges[] = {{EVENTS_EXCHANGE, "topic"}, {NULL}};
static const struct mq_queue queues[] = {{NULL}};
static const struct mq_binding bindings[] = {{NULL}};
static const struct mq_topology topology = {exchanges, queues, bindings};

static const struct http_route *const routes[] = {
        products_routes,
        web_account_routes,
        web_health_routes,
        NULL,
};

/* ---- Dependencies ---- */

static bool is_broker_up(void *context, const char **ret_reason)
{
        struct products *d = context;

        *ret_reason = mq_link_error(d->link);
        return mq_link_is_up(d->link);
}

static const struct web_dependency dependencies[] = {
        {"database", true, NULL}, /* asked by a query */
        {"broker", false, is_broker_up},
        {NULL},
};

static void tell_status(struct products *d)
{
        bool database = pg_pool_state(d->pool) == PG_UP, broker = mq_link_is_up(d->link);
        const char *pool_error = pg_pool_error(d->pool), *link_error = mq_link_error(d->link);

        if (service_is_draining(d->service))
                return;
        service_status(d->service, "Serving; database %s%s%s, broker %s%s%s", database ? "up" : "down",
                       database || !*pool_error ? "" : ": ", database ? "" : pool_error,
                       broker ? "up" : "down", broker || !*link_error ? "" : ": ", broker ? "" : link_error);
}

static void log_transition(struct log_limit *limit, int priority, const char *message_id, const char *what,
                           const char *reason)
{
        unsigned suppressed = 0;

        if (!log_limit_pass(limit, TRANSITIONS_PER_MINUTE, &suppressed))
                return;
        log_fields(priority, LOG_FIELDS({"MESSAGE_ID", message_id}), "%s%s%s", what, *reason ? ": " : "",
                   reason);
        if (suppressed > 0)
                log_fields(priority, NULL, "%u such messages were held back before", suppressed);
}

static void on_pool_changed(struct pg_pool_watch *w, enum pg_state state)
{
        struct products *d = container_of(w, struct products, pool_watch);
        const char *error = pg_pool_error(d->pool);

        switch (state) {
        case PG_UP:
                log_transition(&d->pool_limit, LOG_INFO, LOG_ID_DATABASE_UP, "Database up", "");
                event_relay_poke(d->relay);
                break;
        case PG_DOWN:
                log_transition(&d->pool_limit, LOG_WARNING, LOG_ID_DATABASE_DOWN, "Database down", error);
                break;
        case PG_SCHEMA_PENDING:
                log_transition(&d->pool_limit, LOG_WARNING, LOG_ID_SCHEMA_PENDING,
                               "Database waits for its migration", error);
                break;
        case PG_SCHEMA_TOO_NEW:
                log_transition(&d->pool_limit, LOG_ERR, LOG_ID_SCHEMA_TOO_NEW, "Database is too new", error);
                break;
        }
        tell_status(d);
}

static void on_link_changed(struct mq_link_watch *w, bool up)
{
        struct products *d = container_of(w, struct products, link_watch);

        if (up)
                log_transition(&d->link_limit, LOG_INFO, LOG_ID_BROKER_UP, "Broker up", "");
        else
                log_transition(&d->link_limit, LOG_WARNING, LOG_ID_BROKER_DOWN, "Broker down",
                               mq_link_error(d->link));
        tell_status(d);
}

/* ---- Life ---- */

static int listen_on(struct products *d, const struct listen_socket *s)
{
        bool is_tls = streq(s->door->name, "https");
        int r;

        if (s->door->kind == LISTEN_DATAGRAM)
                return 0;
        if (is_tls && !d->tls) {
                r = net_tls_load(&d->tls);
                if (r < 0)
                        return log_error_errno(
                                r, "The https socket needs the credentials tls.crt and tls.key: %m");
        }
        r = http_server_listen(d->server, s->fd, s->door->kind == LISTEN_STREAM_UNIX, is_tls ? d->tls : NULL);
        if (r < 0)
                return log_error_errno(r, "Cannot serve the socket %s: %m", s->door->name);
        return 1;
}

static int listen_on_all(struct products *d)
{
        const struct listen_set *set = service_listeners(d->service);
        unsigned n_served = 0;
        int r;

        for (size_t i = 0; i < set->n_sockets; i++) {
                r = listen_on(d, &set->sockets[i]);
                if (r < 0)
                        return r;
                n_served += (unsigned)r;
        }
        if (n_served == 0)
                return log_error_errno(-ENOENT, "No socket to serve: start lonja-products.socket, not this");
        return 0;
}

static int connect_servers(struct products *d)
{
        int r;

        d->pool_watch.changed = on_pool_changed;
        d->link_watch.changed = on_link_changed;
        r = pg_pool_new(&d->pool, service_loop(d->service), &d->conf->database, "lonja-products",
                        &d->pool_watch);
        if (r < 0)
                return log_error_errno(r, "Cannot set up the database pool: %m");
        r = product_lookup_new(&d->lookup, service_loop(d->service), d->pool);
        if (r < 0)
                return log_error_errno(r, "Cannot set up the look-up: %m");
        r = mq_link_new(&d->link, service_loop(d->service), &d->conf->broker, &topology, false,
                        &d->link_watch);
        if (r < 0)
                return log_error_errno(r, "Cannot set up the broker link: %m");
        r = event_relay_new(&d->relay, d->service, d->pool, d->link);
        if (r < 0)
                return log_error_errno(r, "Cannot set up the event relay: %m");
        return 0;
}

static void describe_web(struct products *d)
{
        d->web_context.web = &d->web;
        d->web = (struct web){
                .service = d->service,
                .pool = d->pool,
                .auth = &d->conf->auth,
                .dependencies = dependencies,
                .dependency_context = d,
                .schema = products_schema,
                .schema_size = products_schema_size,
                .metrics = products_metrics,
        };
}

static void products_free(void *daemon)
{
        struct products *d = daemon;

        if (!d)
                return;
        http_server_free(d->server);
        web_done(&d->web);
        event_relay_free(d->relay);
        mq_link_free(d->link);
        product_lookup_free(d->lookup);
        pg_pool_free(d->pool);
        net_tls_free(d->tls);
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
        describe_web(d);
        r = http_server_new(&d->server, service,
                            &(struct http_server_setup){
                                    .routes = routes,
                                    .context = d,
                                    .guard = web_guard,
                                    .conf = &d->conf->http,
                            });
        if (r < 0) {
                log_error_errno(r, "Cannot set up the HTTP server: %m");
                goto finish;
        }
        d->web.server = d->server;
        r = listen_on_all(d);
        if (r < 0)
                goto finish;
        pg_pool_warm(d->pool);
        tell_status(d);
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
        d->web.auth = &d->conf->auth;
        http_server_reload(d->server, &d->conf->http);
}

/* The bell says that somebody left an event in the outbox: the relay looks. */
static void products_ring(void *daemon)
{
        struct products *d = daemon;

        event_relay_poke(d->relay);
}

static void products_drain(void *daemon)
{
        struct products *d = daemon;

        http_server_drain(d->server);
        event_relay_drain(d->relay);
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
