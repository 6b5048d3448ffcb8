/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */

#include "pg/pg_pipeline.h"

#include <errno.h>
#include <stdio.h>

#include "base/alloc.h"
#include "base/parse.h"
#include "base/str.h"
#include "pg/pg_cancel.h"
#include "pg/schema_version.h"

/* A read that was under way when its server died goes out again once: it may be the one that killed it. */
#define LOSSES_MAX 1
/* How soon a migration is noticed by those who wait for it. */
#define RECHECK_USEC USEC_PER_SEC

/* They are few, and to read them all is less for a server's new process to learn than how max() is planned.
 */
#define CHECK_SQL "SELECT version FROM schema_migration"

usec_t pg_conn_now(struct pg_conn *c)
{
        uint64_t now;

        return sd_event_now(c->loop, CLOCK_MONOTONIC, &now) >= 0 ? now : clock_monotonic_usec();
}

static void conn_closed(struct pg_conn *c)
{
        pg_prepared_done(&c->prepared);
        loop_timer_done(&c->timer);
        c->state = PG_CONN_CLOSED;
}

/* Reads are sent again: nothing changed, and they may find another server. */
static void send_reads_again(struct pg_conn *c, struct list *jobs)
{
        LIST_FOREACH_SAFE (link, jobs) {
                struct pg_query *q = LIST_ENTRY(link, struct pg_query, link);

                if (q->attempts >= LOSSES_MAX)
                        continue;
                list_remove(&q->link);
                q->attempts++;
                c->handler->requeue(c, q);
        }
}

void pg_conn_lose(struct pg_conn *c, int error, const char *reason)
{
        struct pg_borrower *borrower = TAKE_PTR(c->borrower);
        struct list jobs;

        list_init(&jobs);
        pg_pipeline_take_jobs(c, &jobs);
        pg_first_line(c->link.error, sizeof(c->link.error), reason);
        pg_link_close(&c->link);
        conn_closed(c);
        if (error == -ECONNRESET && c->lane == PG_LANE_READ)
                send_reads_again(c, &jobs);
        c->handler->changed(c);
        if (borrower)
                borrower->lost(borrower, error);
        pg_query_settle_all(&jobs, error);
}

static void on_recheck(struct loop_timer *t);

static int newest_version(const PGresult *res)
{
        int64_t version, newest = 0;

        for (int row = 0; row < PQntuples(res); row++)
                if (parse_i64(PQgetvalue(res, row, 0), &version) >= 0)
                        newest = MAX_OF(newest, version);
        return (int)newest;
}

void pg_conn_on_check(struct pg_conn *c, PGresult *res)
{
        int version = 0;
        bool answered = PQresultStatus(res) == PGRES_TUPLES_OK;
        const char *sqlstate = PQresultErrorField(res, PG_DIAG_SQLSTATE);

        /* 42P01: no table schema_migration, so no migration has ever run */
        if (!answered && (!sqlstate || !streq(sqlstate, "42P01"))) {
                pg_pipeline_requeue(c);
                pg_conn_lose(c, -ECONNRESET, PQresultErrorMessage(res));
                PQclear(res);
                return;
        }
        if (answered)
                version = newest_version(res);
        PQclear(res);
        c->schema_version = version;
        c->state = version == SCHEMA_VERSION ? PG_CONN_READY : PG_CONN_WRONG_SCHEMA;
        if (c->state == PG_CONN_WRONG_SCHEMA) {
                pg_pipeline_requeue(c);
                (void)loop_timer_start(&c->timer, c->loop, RECHECK_USEC, on_recheck);
        }
        c->handler->changed(c);
}

static void on_link_ready(struct pg_link *l, uint32_t revents)
{
        struct pg_conn *c = container_of(l, struct pg_conn, link);

        if (c->state == PG_CONN_LENT) {
                c->borrower->ready(c->borrower, revents);
                return;
        }
        if ((revents & EPOLLOUT) && pg_link_flush(l) < 0) {
                pg_conn_lose(c, -ECONNRESET, PQerrorMessage(l->pg));
                return;
        }
        if (revents & (uint32_t)~EPOLLOUT) {
                if (!PQconsumeInput(l->pg)) {
                        pg_conn_lose(c, -ECONNRESET, PQerrorMessage(l->pg));
                        return;
                }
                c->progress_usec = pg_conn_now(c);
        }
        /* Also after a mere flush: libpq reads while it cannot write. */
        pg_pipeline_read(c);
        if (c->state == PG_CONN_READY)
                c->handler->vacant(c);
}

/* ---- life ---- */

static void send_check(struct pg_conn *c)
{
        c->progress_usec = pg_conn_now(c);
        c->state = PG_CONN_CHECKING;
        if (pg_pipeline_check(c, CHECK_SQL) < 0)
                pg_conn_lose(c, -ECONNRESET, PQerrorMessage(c->link.pg));
}

static void on_recheck(struct loop_timer *t)
{
        send_check(container_of(t, struct pg_conn, timer));
}

static void on_link_connected(struct pg_link *l)
{
        struct pg_conn *c = container_of(l, struct pg_conn, link);

        if (!PQenterPipelineMode(l->pg)) {
                pg_conn_lose(c, -ECONNRESET, PQerrorMessage(l->pg));
                return;
        }
        send_check(c);
        if (pg_conn_takes_jobs(c))
                c->handler->vacant(c);
}

static void on_link_failed(struct pg_link *l)
{
        struct pg_conn *c = container_of(l, struct pg_conn, link);

        conn_closed(c);
        c->handler->changed(c);
}

static const struct pg_link_handler link_handler = {
        .connected = on_link_connected,
        .failed = on_link_failed,
        .ready = on_link_ready,
};

int pg_conn_open(struct pg_conn *c)
{
        int r;

        r = pg_link_open(&c->link, c->loop, c->params, &link_handler);
        if (r < 0)
                return r;
        c->state = PG_CONN_CONNECTING;
        return 0;
}

void pg_conn_done(struct pg_conn *c)
{
        pg_link_close(&c->link);
        conn_closed(c);
        free(c->slots);
        c->slots = NULL;
        c->capacity = 0;
}

void pg_conn_forget(struct pg_conn *c, struct pg_query *q)
{
        pg_pipeline_forget(c, q);
        if (c->lane != PG_LANE_EXCLUSIVE)
                return;
        pg_cancel_running(c->link.pg);
        pg_conn_lose(c, -ECANCELED, "");
}

int pg_conn_lend(struct pg_conn *c)
{
        if (!PQexitPipelineMode(c->link.pg))
                return -ECONNRESET;
        loop_timer_stop(&c->timer);
        c->state = PG_CONN_LENT;
        return 0;
}

void pg_conn_give_back(struct pg_conn *c)
{
        c->borrower = NULL;
        pg_link_pause(&c->link, false);
        if (PQtransactionStatus(c->link.pg) == PQTRANS_IDLE && PQenterPipelineMode(c->link.pg)) {
                c->state = PG_CONN_READY;
                c->handler->vacant(c);
                return;
        }
        if (PQtransactionStatus(c->link.pg) == PQTRANS_ACTIVE)
                pg_cancel_running(c->link.pg);
        pg_conn_lose(c, -ECANCELED, "");
}
