/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */

/* The wiring of lonja-scheduler. */

#include <errno.h>

#include "base/alloc.h"
#include "contract/names.h"
#include "scheduler/schedule_file.h"
#include "scheduler/scheduler.h"

static const struct mq_exchange exchanges[] = {{EVENTS_EXCHANGE, "topic"}, {NULL}};
static const struct mq_queue queues[] = {{.name = SCHEDULE_RESULTS_QUEUE, .type = "classic"}, {NULL}};
static const struct mq_binding bindings[] = {{NULL}};
static const struct mq_topology topology = {exchanges, queues, bindings};

static const struct http_route *const routes[] = {
        scheduler_routes,
        web_account_routes,
        web_health_routes,
        NULL,
};

static const struct web_schema *const schemas[] = {
        &scheduler_schema,
        &web_account_schema,
        &web_operation_schema,
        NULL,
};

/* ---- Who tells whom ---- */

static void on_fired(struct ticker *t, const struct pg_query *q)
{
        struct scheduler *d = container_of(t, struct scheduler, ticker);

        sender_send(&d->sender, q);
        event_relay_poke(d->backend.relay);
}

static bool can_send(struct ticker *t)
{
        return sender_has_room(&container_of(t, struct scheduler, ticker)->sender);
}

static void on_relieved(struct sender *s)
{
        ticker_poke(&container_of(s, struct scheduler, sender)->ticker);
}

static void on_results(struct result_intake *i)
{
        struct scheduler *d = container_of(i, struct scheduler, results);

        sender_poke(&d->sender);
        event_relay_poke(d->backend.relay);
}

static void on_edited(struct pg_listen *l, const char *payload)
{
        struct scheduler *d = container_of(l, struct scheduler, edits);

        ticker_poke(&d->ticker);
}

/* What was said before is lost. */
static void on_listening(struct pg_listen *l)
{
        on_edited(l, "");
}

static void on_clock(struct clock_watch *w)
{
        struct scheduler *d = container_of(w, struct scheduler, clock);

        ticker_poke(&d->ticker);
        sender_poke(&d->sender);
}

static void on_backend_changed(struct web_backend *b)
{
        struct scheduler *d = container_of(b, struct scheduler, backend);

        ticker_poke(&d->ticker);
        sender_poke(&d->sender);
}

/* ---- Life ---- */

static void describe_parts(struct scheduler *d)
{
        d->ticker.service = d->sender.service = d->results.service = d->service;
        d->ticker.pool = d->sender.pool = d->results.pool = d->backend.pool;
        d->sender.link = d->results.link = d->backend.link;
        d->ticker.zones = &d->zones;
        d->ticker.fired = on_fired;
        d->ticker.has_room = can_send;
        d->sender.relieved = on_relieved;
        d->results.taken = on_results;
        d->edits.notified = on_edited;
        d->edits.connected = on_listening;
        d->clock.changed = on_clock;
}

static void adopt_options(struct scheduler *d)
{
        d->ticker.grace_usec = d->conf->scheduler.late_usec;
        d->ticker.lease_usec = d->sender.lease_usec = d->conf->scheduler.retry_usec;
}

static int open_servers(struct scheduler *d)
{
        const struct web_backend_setup setup = {
                .name = "lonja-scheduler",
                .database = &d->conf->database,
                .broker = &d->conf->broker,
                .topology = &topology,
                .consumes = true,
        };

        return web_backend_open(&d->backend, d->service, &setup);
}

static int start_parts(struct scheduler *d)
{
        sd_event *loop = service_loop(d->service);
        int r;

        describe_parts(d);
        adopt_options(d);
        r = sender_init(&d->sender);
        if (r == 0)
                r = result_intake_start(&d->results);
        if (r == 0)
                r = pg_listen_start(&d->edits, loop, &d->conf->database, "lonja-scheduler", SCHEDULE_CHANNEL);
        if (r == 0)
                r = clock_watch_start(&d->clock, loop);
        if (r < 0)
                return log_error_errno(r, "Cannot set up the scheduler: %m");
        d->backend.changed = on_backend_changed;
        ticker_start(&d->ticker);
        sender_poke(&d->sender);
        scheduler_sync_files(d);
        return 0;
}

static int open_doors(struct scheduler *d)
{
        return web_open(&d->web, d->service, &d->backend,
                        &(struct web_setup){
                                .routes = routes,
                                .schemas = schemas,
                                .metrics = scheduler_metrics,
                                .auth = &d->conf->auth,
                                .http = &d->conf->http,
                        });
}

static void scheduler_free(void *daemon)
{
        struct scheduler *d = daemon;

        if (!d)
                return;
        d->backend.changed = NULL;
        web_close(&d->web);
        clock_watch_stop(&d->clock);
        pg_listen_stop(&d->edits);
        if (d->results.service)
                mq_consumer_stop(&d->results.consumer);
        ticker_done(&d->ticker);
        sender_done(&d->sender);
        result_intake_done(&d->results);
        pg_query_done(&d->files);
        loop_timer_done(&d->files_retry);
        web_backend_close(&d->backend);
        zone_book_done(&d->zones);
        free(d);
}

static int scheduler_start(struct service *service, const void *conf, void **ret_daemon)
{
        struct scheduler *d = new0(struct scheduler, 1);
        int r;

        if (!d)
                return log_error_errno(-ENOMEM, "Cannot start: %m");
        d->service = service;
        d->conf = conf;
        zone_book_init(&d->zones);
        r = open_servers(d);
        if (r == 0)
                r = open_doors(d);
        if (r == 0)
                r = start_parts(d);
        if (r == 0) {
                web_backend_tell(&d->backend);
                *ret_daemon = TAKE_PTR(d);
        }
        scheduler_free(d);
        return r;
}

/* Servers' addresses and certificates are read at start; the rest changes at once. Zones are read anew, for a
 * newer tzdata. */
static void scheduler_reload(void *daemon, const void *conf)
{
        struct scheduler *d = daemon;

        d->conf = conf;
        adopt_options(d);
        web_reload(&d->web, &d->conf->auth, &d->conf->http);
        zone_book_done(&d->zones);
        scheduler_sync_files(d);
}

/* There is something to fire, to send or to note. */
static void scheduler_ring(void *daemon)
{
        struct scheduler *d = daemon;

        ticker_poke(&d->ticker);
        sender_poke(&d->sender);
        event_relay_poke(d->backend.relay);
}

static void scheduler_drain(void *daemon)
{
        struct scheduler *d = daemon;

        web_drain(&d->web);
        ticker_drain(&d->ticker);
        sender_drain(&d->sender);
        result_intake_drain(&d->results);
        event_relay_drain(d->backend.relay);
}

static int scheduler_validate_dir(const char *config_dir, struct buf *messages)
{
        _cleanup_json_ json_t *all = NULL;

        return schedule_files_read(config_dir, &all, messages);
}

static int scheduler_validate(const void *data, struct buf *messages)
{
        const struct scheduler_conf *conf = data;

        return mq_conf_validate(&conf->broker, messages);
}

static const struct listen_door doors[] = {
        {"http", LISTEN_STREAM_INET, false},
        {"https", LISTEN_STREAM_INET, false},
        {"admin", LISTEN_STREAM_UNIX, false},
        {"bell", LISTEN_DATAGRAM, false},
        {NULL},
};

const struct service_daemon scheduler_daemon = {
        .word = "scheduler",
        .summary = "fires periodic tasks into RabbitMQ, each nominal time once",
        .tables = scheduler_conf_tables,
        .conf_size = sizeof(struct scheduler_conf),
        .doors = doors,
        .validate = scheduler_validate,
        .validate_dir = scheduler_validate_dir,
        .start = scheduler_start,
        .reload = scheduler_reload,
        .ring = scheduler_ring,
        .drain = scheduler_drain,
        .free = scheduler_free,
};
