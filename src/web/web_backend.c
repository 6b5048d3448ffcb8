/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */
#include "web/web_backend.h"

#include "base/alloc.h"
#include "service/log_ids.h"

#define TRANSITIONS_PER_MINUTE 6 /* a dependency that flaps says so three times, not for ever */
/* What started a daemon waits for the database at most, never for the broker: two threads and two log-ins at
 * the same time would only take the processor from what is waited for. The broker's turn comes when the
 * database has answered, or failed to, and what waits for that had its moment; or when that takes too long.
 */
#define HEAD_START_USEC (20 * USEC_PER_MSEC)
#define HEAD_START_MAX_USEC (500 * USEC_PER_MSEC)

static bool is_broker_up(void *context, const char **ret_reason)
{
        struct web_backend *b = context;

        *ret_reason = mq_link_error(b->link);
        return mq_link_is_up(b->link);
}

const struct web_dependency web_backend_dependencies[] = {
        {"database", true, NULL}, /* asked by a query */
        {"broker", false, is_broker_up},
        {NULL},
};

void web_backend_tell(struct web_backend *b)
{
        bool database = pg_pool_state(b->pool) == PG_UP, broker = mq_link_is_up(b->link);
        const char *pool_error = pg_pool_error(b->pool), *link_error = mq_link_error(b->link);

        if (service_is_draining(b->service))
                return;
        service_status(b->service, "Serving; database %s%s%s, broker %s%s%s", database ? "up" : "down",
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

static void tell_change(struct web_backend *b)
{
        web_backend_tell(b);
        if (b->changed)
                b->changed(b);
}

static void on_head_start_over(struct loop_timer *t)
{
        struct web_backend *b = container_of(t, struct web_backend, head_start);
        int r = mq_link_start(b->link);

        loop_timer_done(t);
        b->link_is_started = true;
        if (r < 0)
                service_fail(b->service, r);
}

static int give_head_start(struct web_backend *b, usec_t delay_usec)
{
        return loop_timer_start(&b->head_start, service_loop(b->service), delay_usec, on_head_start_over);
}

static void on_pool_changed(struct pg_pool_watch *w, enum pg_state state)
{
        struct web_backend *b = container_of(w, struct web_backend, pool_watch);
        const char *error = pg_pool_error(b->pool);

        switch (state) {
        case PG_UP:
                log_transition(&b->pool_limit, LOG_INFO, LOG_ID_DATABASE_UP, "Database up", "");
                event_relay_poke(b->relay);
                break;
        case PG_DOWN:
                log_transition(&b->pool_limit, LOG_WARNING, LOG_ID_DATABASE_DOWN, "Database down", error);
                break;
        case PG_SCHEMA_PENDING:
                log_transition(&b->pool_limit, LOG_WARNING, LOG_ID_SCHEMA_PENDING,
                               "Database waits for its migration", error);
                break;
        case PG_SCHEMA_TOO_NEW:
                log_transition(&b->pool_limit, LOG_ERR, LOG_ID_SCHEMA_TOO_NEW, "Database is too new", error);
                break;
        }
        if (!b->link_is_started)
                (void)give_head_start(b, HEAD_START_USEC);
        tell_change(b);
}

static void on_link_changed(struct mq_link_watch *w, bool up)
{
        struct web_backend *b = container_of(w, struct web_backend, link_watch);

        if (up)
                log_transition(&b->link_limit, LOG_INFO, LOG_ID_BROKER_UP, "Broker up", "");
        else
                log_transition(&b->link_limit, LOG_WARNING, LOG_ID_BROKER_DOWN, "Broker down",
                               mq_link_error(b->link));
        tell_change(b);
}

int web_backend_open(struct web_backend *b, struct service *service, const struct web_backend_setup *setup)
{
        sd_event *loop = service_loop(service);
        int r;

        b->service = service;
        b->pool_watch.changed = on_pool_changed;
        b->link_watch.changed = on_link_changed;
        r = pg_pool_new(&b->pool, loop, setup->database, setup->name, &b->pool_watch);
        if (r < 0)
                return log_error_errno(r, "Cannot set up the database pool: %m");
        pg_pool_warm(b->pool); /* the server prepares itself while we do */
        r = mq_link_prepare(&b->link, loop, setup->broker, setup->topology, setup->consumes, &b->link_watch);
        if (r < 0)
                return log_error_errno(r, "Cannot set up the broker link: %m");
        r = event_relay_new(&b->relay, service, b->pool, b->link);
        if (r < 0)
                return log_error_errno(r, "Cannot set up the event relay: %m");
        r = give_head_start(b, HEAD_START_MAX_USEC);
        if (r < 0)
                return log_error_errno(r, "Cannot set up the broker link: %m");
        return 0;
}

void web_backend_close(struct web_backend *b)
{
        loop_timer_done(&b->head_start);
        b->relay = event_relay_free(b->relay);
        b->link = mq_link_free(b->link);
        b->pool = pg_pool_free(b->pool);
}

static void write_events(const struct web_backend *b, struct buf *out)
{
        struct event_relay_metrics m;

        event_relay_metrics(b->relay, &m);
        const struct web_metric metrics[] = {
                {"lonja_events_head_offset", "gauge", "Offset of the newest event known here.",
                 (uint64_t)m.head},
                {"lonja_events_published_offset", "gauge", "Offset up to which the broker has confirmed.",
                 (uint64_t)m.published},
                {"lonja_events_relay_holder", "gauge", "1 while this process publishes for all.",
                 m.is_holder},
                {"lonja_events_sequenced_total", "counter", "Events moved from the outbox to the log here.",
                 m.n_sequenced},
                {"lonja_events_published_total", "counter",
                 "Events that the broker confirmed to this process.", m.n_published},
                {"lonja_events_failed_total", "counter", "Publishes that failed and are tried again.",
                 m.n_failed},
        };

        web_metrics(out, metrics, ARRAY_SIZE(metrics));
}

static void write_broker(const struct web_backend *b, struct buf *out)
{
        struct mq_link_metrics m;

        mq_link_metrics(b->link, &m);
        const struct web_metric metrics[] = {
                {"lonja_broker_up", "gauge", "1 while the broker is connected.", mq_link_is_up(b->link)},
                {"lonja_broker_reconnects_total", "counter", "Times the broker came back.", m.n_reconnects},
                {"lonja_broker_unconfirmed", "gauge", "Publishes that wait for their confirm.",
                 m.n_unconfirmed},
        };

        web_metrics(out, metrics, ARRAY_SIZE(metrics));
}

void web_backend_metrics(const struct web_backend *b, struct buf *out)
{
        write_events(b, out);
        write_broker(b, out);
}
