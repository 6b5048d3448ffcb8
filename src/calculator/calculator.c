/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */

/* The wiring of lonja-calculator. */

#include <errno.h>
#include <inttypes.h>

#include "base/alloc.h"
#include "calculator/calculation_store.h"
#include "calculator/calculator.h"
#include "contract/names.h"
#include "service/log_ids.h"

#define TRANSITIONS_PER_MINUTE 6 /* a dependency that flaps says so three times, not for ever */
#define TELL_USEC USEC_PER_SEC
#define DEAD_QUEUE CALCULATIONS_QUEUE ".dead"

static const struct mq_exchange exchanges[] = {{DEAD_EXCHANGE, "direct"}, {NULL}};
static const struct mq_queue queues[] = {
        {CALCULATIONS_QUEUE, "quorum", DEAD_EXCHANGE},
        {DEAD_QUEUE, "quorum"},
        {NULL},
};
static const struct mq_binding bindings[] = {{DEAD_QUEUE, DEAD_EXCHANGE, CALCULATIONS_QUEUE}, {NULL}};
static const struct mq_topology topology = {exchanges, queues, bindings};

/* ---- Dependencies ---- */

static void tell_status(struct calculator *c)
{
        bool database = pg_pool_state(c->pool) == PG_UP, broker = mq_link_is_up(c->link);
        const struct calculator_counters *n = &c->counters;

        if (!service_is_draining(c->service))
                service_status(c->service,
                               "Calculating; database %s, broker %s; %" PRIu64 " computed, %" PRIu64
                               " of them to an error; %" PRIu64 " repeated, %" PRIu64 " refused, %" PRIu64
                               " parked",
                               database ? "up" : "down", broker ? "up" : "down", n->n_done + n->n_failed,
                               n->n_failed, n->n_repeated, n->n_refused, n->n_parked);
}

static void on_tell(struct loop_timer *t)
{
        tell_status(container_of(t, struct calculator, tell));
}

void calculator_counted(struct calculator *c)
{
        if (!loop_timer_is_armed(&c->tell))
                (void)loop_timer_start(&c->tell, service_loop(c->service), TELL_USEC, on_tell);
}

static void log_transition(struct log_limit *limit, bool is_up, const char *message_id, const char *what,
                           const char *reason)
{
        unsigned suppressed = 0;

        if (log_limit_pass(limit, TRANSITIONS_PER_MINUTE, &suppressed))
                log_fields(is_up ? LOG_INFO : LOG_WARNING, LOG_FIELDS({"MESSAGE_ID", message_id}),
                           "%s %s%s%s", what, is_up ? "up" : "down", *reason ? ": " : "", reason);
}

static void on_pool_changed(struct pg_pool_watch *w, enum pg_state state)
{
        struct calculator *c = container_of(w, struct calculator, pool_watch);
        bool is_up = state == PG_UP;

        log_transition(&c->pool_limit, is_up, is_up ? LOG_ID_DATABASE_UP : LOG_ID_DATABASE_DOWN, "Database",
                       pg_pool_error(c->pool));
        tell_status(c);
}

static void on_link_changed(struct mq_link_watch *w, bool is_up)
{
        struct calculator *c = container_of(w, struct calculator, link_watch);

        log_transition(&c->link_limit, is_up, is_up ? LOG_ID_BROKER_UP : LOG_ID_BROKER_DOWN, "Broker",
                       mq_link_error(c->link));
        tell_status(c);
}

static void on_delivered(struct mq_consumer *consumer, const struct mq_delivery *d)
{
        job_accept(container_of(consumer, struct calculator, consumer), d);
}

/* ---- Life ---- */

static int connect_servers(struct calculator *c)
{
        int r;

        c->pool_watch.changed = on_pool_changed;
        c->link_watch.changed = on_link_changed;
        c->consumer.delivered = on_delivered;
        r = pg_pool_new(&c->pool, service_loop(c->service), &c->conf->database, "lonja-calculator",
                        &c->pool_watch);
        if (r < 0)
                return log_error_errno(r, "Cannot set up the database pool: %m");
        r = pg_group_line_new(&c->records, service_loop(c->service), c->pool, &calculation_store_finish,
                              NULL);
        if (r < 0)
                return log_error_errno(r, "Cannot set up the database pool: %m");
        r = mq_link_new(&c->link, service_loop(c->service), &c->conf->broker, &topology, true,
                        &c->link_watch);
        if (r == 0)
                r = mq_consumer_start(&c->consumer, c->link, CALCULATIONS_QUEUE,
                                      (unsigned)c->conf->calculator.prefetch, false);
        if (r < 0)
                return log_error_errno(r, "Cannot set up the broker link: %m");
        return calculator_tasks_new(&c->tasks, c->service, c->pool, c->offload, c->conf);
}

static void calculator_free(void *daemon)
{
        struct calculator *c = daemon;

        if (!c)
                return;
        loop_timer_done(&c->tell);
        offload_free(c->offload);
        job_queue_done(c);
        calculator_tasks_free(c->tasks);
        mq_link_free(c->link);
        pg_group_line_free(c->records);
        pg_pool_free(c->pool);
        free(c);
}

/* Without a doorbell nobody could start us again: such a process stays until it is stopped. */
static void stay_without_bell(struct calculator *c)
{
        const struct listen_set *set = service_listeners(c->service);

        if (set->n_sockets > 0)
                return;
        c->is_held = true;
        service_hold(c->service);
}

static int calculator_start(struct service *service, const void *conf, void **ret_daemon)
{
        struct calculator *c = new0(struct calculator, 1);
        int r;

        if (!c)
                return log_error_errno(-ENOMEM, "Cannot start: %m");
        c->service = service;
        c->conf = conf;
        job_queue_init(&c->jobs);
        r = offload_new(&c->offload, service_loop(service), "calculate",
                        (unsigned)c->conf->calculator.threads, expression_thread_done);
        if (r < 0)
                log_error_errno(r, "Cannot start the threads: %m");
        else
                r = connect_servers(c);
        if (r < 0) {
                calculator_free(c);
                return r;
        }
        stay_without_bell(c);
        pg_pool_warm(c->pool);
        tell_status(c);
        *ret_daemon = c;
        return 0;
}

/* Limits change at once; addresses, threads and the prefetch are read at start. */
static void calculator_reload(void *daemon, const void *conf)
{
        struct calculator *c = daemon;

        c->conf = conf;
        calculator_tasks_reload(c->tasks, conf);
}

/* What was published comes without our help; what waits for its time is looked at. */
static void calculator_ring(void *daemon)
{
        struct calculator *c = daemon;

        calculator_tasks_ring(c->tasks);
}

static void calculator_drain(void *daemon)
{
        struct calculator *c = daemon;

        mq_consumer_stop(&c->consumer);
        job_queue_drain(c);
        calculator_tasks_drain(c->tasks);
        if (c->is_held)
                service_release(c->service);
        c->is_held = false;
}

static int calculator_validate(const void *conf, struct buf *messages)
{
        const struct calculator_conf *c = conf;

        return mq_conf_validate(&c->broker, messages);
}

static const struct listen_door doors[] = {
        {"bell", LISTEN_DATAGRAM, false},
        {NULL},
};

const struct service_daemon calculator_daemon = {
        .word = "calculator",
        .summary = "takes calculations off a queue and answers them",
        .tables = calculator_conf_tables,
        .conf_size = sizeof(struct calculator_conf),
        .doors = doors,
        .validate = calculator_validate,
        .start = calculator_start,
        .reload = calculator_reload,
        .ring = calculator_ring,
        .drain = calculator_drain,
        .free = calculator_free,
};
