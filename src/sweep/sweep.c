/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */
#include "sweep/sweep.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/str.h"
#include "contract/names.h"
#include "mq/mq_probe.h"
#include "service/log.h"

/* From the start; what is left then comes a minute later. With the slowest answers of both servers on top it
 * stays below TimeoutStartSec=50 of the unit. */
#define SWEEP_USEC (30 * USEC_PER_SEC)
/* For each step with the broker: a queue that could not be looked at comes a minute later, too. */
#define BROKER_STALL_USEC (3 * USEC_PER_SEC)

/* Where the work of each daemon lies. To give one more source of work its row here is all that a daemon with
 * a doorbell needs. */
static const struct source {
        const char *word;
        const char *sql;   /* a boolean expression: there is work; NULL: none in the database */
        const char *queue; /* NULL: none at the broker */
} sources[] = {
        {"products",
         "EXISTS (SELECT FROM outbox) OR (SELECT published FROM relay) < (SELECT last FROM event_head)"
         " OR task_is_due('" PRODUCTS_QUEUE "')",
         PRODUCTS_QUEUE},
        {"gateway",
         "EXISTS (SELECT FROM calculation WHERE state IN ('queued', 'running')"
         " AND (sent_at <= now() - interval '30 s' OR deadline <= now()))",
         RECORDS_QUEUE},
        {"gateway", "task_is_due('" HTTP_TASKS_QUEUE "')", HTTP_TASKS_QUEUE},
        {"calculator", NULL, CALCULATIONS_QUEUE},
        {"calculator", "task_is_due('" CALCULATOR_TASKS_QUEUE "')", CALCULATOR_TASKS_QUEUE},
        {"scheduler",
         "EXISTS (SELECT FROM schedule WHERE next_due < 'infinity') OR"
         " EXISTS (SELECT FROM firing WHERE state = 'pending')",
         SCHEDULE_RESULTS_QUEUE},
};
#define N_SOURCES ARRAY_SIZE(sources)

static void wake(const struct source *s, const char *why)
{
        log_debug("Ringing lonja-%s: %s", s->word, why);
        service_ring(s->word);
}

/* All expressions are one row of one statement. */
static int look_at_database(struct pg_asker *database, char error[SWEEP_ERROR_SIZE])
{
        _cleanup_(buf_done) struct buf sql = BUF_EMPTY;
        char *values[N_SOURCES];
        int r;

        for (size_t i = 0; i < N_SOURCES; i++)
                buf_printf(&sql, "%s %s", i > 0 ? "," : "SELECT", sources[i].sql ? sources[i].sql : "false");
        buf_append_char(&sql, '\0');
        r = buf_error(&sql);
        if (r >= 0)
                r = pg_asker_ask(database, buf_bytes(&sql), NULL, 0, values, N_SOURCES, error,
                                 SWEEP_ERROR_SIZE);
        if (r < 0)
                return r;
        for (size_t i = 0; i < N_SOURCES; i++) {
                if (streq_ptr(values[i], "t"))
                        wake(&sources[i], "there is work in the database");
                free(values[i]);
        }
        return 0;
}

/* The broker may be away: its queues wait in it. */
static void look_at_broker(const struct mq_conf *conf)
{
        struct mq_queue_depth depths[N_SOURCES + 1] = {0};
        struct mq_conf hasty = *conf;
        char error[MQ_PROBE_ERROR_SIZE];
        size_t n = 0;

        for (size_t i = 0; i < N_SOURCES; i++)
                if (sources[i].queue)
                        depths[n++].name = sources[i].queue;
        hasty.stall_usec = MIN_OF(conf->stall_usec, BROKER_STALL_USEC);
        if (mq_probe(&hasty, depths, error) < 0) {
                log_notice("Cannot look at the broker's queues: %s", error);
                return;
        }
        n = 0;
        for (size_t i = 0; i < N_SOURCES; i++)
                if (sources[i].queue && depths[n++].n_messages > 0)
                        wake(&sources[i], "there are messages in its queue");
}

static int sweep_run(const void *data)
{
        const struct sweep_conf *conf = data;
        _cleanup_(pg_asker_freep) struct pg_asker *database = NULL;
        usec_t until = usec_add(clock_monotonic_usec(), SWEEP_USEC);
        char error[SWEEP_ERROR_SIZE] = "";
        int r;

        r = pg_asker_new(&database, conf->database.conninfo, "lonja-sweep", error, sizeof(error));
        if (r >= 0)
                r = look_at_database(database, error);
        look_at_broker(&conf->broker);
        if (r >= 0)
                r = sweep_trim(database, &conf->events, until, error);
        if (r >= 0)
                return EXIT_SUCCESS;
        log_error_errno(r, "Cannot sweep the database: %s", *error ? error : strerror(-r));
        return EXIT_FAILURE;
}

static int sweep_validate(const void *data, struct buf *messages)
{
        const struct sweep_conf *conf = data;

        return mq_conf_validate(&conf->broker, messages);
}

static const struct conf_table tables[] = {
        {service_options, offsetof(struct sweep_conf, service)},
        {pg_options, offsetof(struct sweep_conf, database)},
        {mq_options, offsetof(struct sweep_conf, broker)},
        {events_options, offsetof(struct sweep_conf, events)},
        {NULL},
};

const struct service_daemon sweep_program = {
        .word = "sweep",
        .summary = "wakes the daemons that have work, trims what has expired",
        .tables = tables,
        .conf_size = sizeof(struct sweep_conf),
        .validate = sweep_validate,
        .run_once = sweep_run,
};
