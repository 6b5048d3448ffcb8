/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */

/* The wiring of lonja-notifier, and what it says about its dependencies. */

#include <errno.h>

#include "base/alloc.h"
#include "contract/names.h"
#include "notifier/notifier.h"
#include "service/files.h"
#include "service/log.h"
#include "ws/ws_conn.h"

/* The exchange is declared by everybody; our queue goes with the connection. */
static const struct mq_topology topology = {
        .exchanges = (const struct mq_exchange[]){{EVENTS_EXCHANGE, "topic"}, {NULL}},
        .queues = (const struct mq_queue[]){{.name = ""}, {NULL}},
        .bindings = (const struct mq_binding[]){{"", EVENTS_EXCHANGE, "#"}, {NULL}},
};

static const struct http_route *const routes[] = {
        notifier_routes,
        web_account_routes,
        web_health_routes,
        NULL,
};

static const struct web_schema *const schemas[] = {
        &notifier_schema,
        &web_account_schema,
        &web_operation_schema,
        NULL,
};

/* ---- Life ---- */

static int connect_servers(struct notifier *d)
{
        const struct web_backend_setup setup = {
                .name = "lonja-notifier",
                .database = &d->conf->database,
                .broker = &d->conf->broker,
                .topology = &topology,
                .consumes = true,
        };

        return web_backend_open(&d->backend, d->service, &setup);
}

static void on_looked(struct feed *f)
{
        clients_on_looked(container_of(f, struct notifier, feed));
}

static void on_reset(struct feed *f)
{
        clients_close_all(container_of(f, struct notifier, feed), true, WS_CLOSE_RESTART,
                          "the log began anew: come back");
}

static int start_feed(struct notifier *d)
{
        const struct feed_conf conf = {d->conf->notifier.recent_max, d->conf->notifier.recent_bytes};
        sd_event *loop = service_loop(d->service);
        int r;

        auth_watch_init(&d->sessions, loop, d->backend.pool);
        r = clients_init(d);
        if (r < 0)
                return log_error_errno(r, "Cannot set up the event loop: %m");
        d->feed.looked = on_looked;
        d->feed.reset = on_reset;
        r = feed_start(&d->feed, loop, d->backend.pool, d->backend.link, &conf);
        if (r < 0)
                return log_error_errno(r, "Cannot follow the events: %m");
        return 0;
}

/* A dashboard that cannot be read keeps nobody from the events. */
static void load_pages(struct notifier *d)
{
        const char *dir =
                *d->conf->notifier.dashboard_dir ? d->conf->notifier.dashboard_dir : LONJA_DATADIR "/www";
        int r;

        pages_done(&d->pages);
        r = pages_load(&d->pages, dir);
        if (r < 0)
                log_warning_errno(r, "Cannot read the dashboard in %s: %m", dir);
}

static int serve(struct notifier *d)
{
        return web_open(&d->web, d->service, &d->backend,
                        &(struct web_setup){
                                .routes = routes,
                                .schemas = schemas,
                                .metrics = notifier_metrics,
                                .auth = &d->conf->auth,
                                .http = &d->conf->http,
                        });
}

static void allow_files(const struct notifier *d)
{
        uint64_t n = d->conf->notifier.clients_max + d->conf->http.connections_max;
        unsigned each = d->web.tls ? HTTP_TLS_FILES : 1;
        uint64_t k = files_allow(n * each) / each;

        if (k < n)
                log_warning("MaxClients= and MaxConnections= do not fit LimitNOFILE=: there is room for %llu",
                            (unsigned long long)k);
}

static void notifier_free(void *daemon)
{
        struct notifier *d = daemon;

        if (!d)
                return;
        clients_drop_all(d);
        web_close(&d->web);
        host_state_free(d->host_state);
        feed_stop(&d->feed);
        catch_up_done(d);
        clients_done(d);
        auth_watch_done(&d->sessions);
        web_backend_close(&d->backend);
        pages_done(&d->pages);
        free(d);
}

static int notifier_start(struct service *service, const void *conf, void **ret_daemon)
{
        struct notifier *d = new0(struct notifier, 1);
        int r;

        if (!d)
                return log_error_errno(-ENOMEM, "Cannot start: %m");
        d->service = service;
        d->conf = conf;
        load_pages(d);
        r = connect_servers(d);
        if (r == 0)
                r = start_feed(d);
        if (r == 0)
                r = host_state_new(&d->host_state, service_loop(service));
        if (r == 0)
                r = serve(d);
        if (r < 0) {
                notifier_free(d);
                return r;
        }
        allow_files(d);
        web_backend_tell(&d->backend);
        *ret_daemon = d;
        return 0;
}

/* Servers' addresses and certificates are read at start; limits, rights, times and pages change at once. */
static void notifier_reload(void *daemon, const void *conf)
{
        struct notifier *d = daemon;

        d->conf = conf;
        web_reload(&d->web, &d->conf->auth, &d->conf->http);
        clients_reload(d);
        load_pages(d);
}

static void notifier_drain(void *daemon)
{
        struct notifier *d = daemon;

        web_drain(&d->web);
        clients_close_all(d, false, WS_CLOSE_GOING_AWAY, "restarting: come back");
        event_relay_drain(d->backend.relay);
}

static const struct listen_door doors[] = {
        {"http", LISTEN_STREAM_INET, false},
        {"https", LISTEN_STREAM_INET, false},
        {"admin", LISTEN_STREAM_UNIX, false},
        {NULL},
};

const struct service_daemon notifier_daemon = {
        .word = "notifier",
        .summary = "live events for browsers and programs, and the dashboard",
        .tables = notifier_conf_tables,
        .conf_size = sizeof(struct notifier_conf),
        .doors = doors,
        .validate = notifier_conf_validate,
        .start = notifier_start,
        .reload = notifier_reload,
        .drain = notifier_drain,
        .free = notifier_free,
};
