/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */

/* The pipeline. In libpq's pipeline mode requests are queued without waiting; the server answers in order.
 * Beside libpq's own queue we keep one of slots, which say whose the next answer is:
 *
 *     PREPARE, SYNC, QUERY, SYNC      a write with a statement new to this connection
 *     QUERY, QUERY, QUERY, SYNC       three reads of one loop turn
 *
 * libpq answers a PREPARE or QUERY with one result and then NULL, a SYNC with PGRES_PIPELINE_SYNC alone. A
 * slot whose job was abandoned stays, emptied, so that the order holds; its late result is dropped.
 *
 * What lies between two syncs is a group: one implicit transaction, and after an error the server skips the
 * rest of it (PGRES_PIPELINE_ABORTED). Writes therefore are a group each, and complete only at their SYNC:
 * the result of the statement arrives before its commit, which can still fail (deferred constraints,
 * serialization). A PREPARE is a group of its own too, so that no neighbour can undo it.
 *
 * Reads of one loop turn share a group. A sync costs the server a transaction's start and end, and with libpq
 * before 17 it costs us a system call: PQpipelineSync() flushes each time, and nothing public in libpq can
 * hold it back (PQsendPipelineSync(), flush later, came with 17). With shared syncs 64 concurrent readers
 * over a Unix socket got 163,000 rows/s for 1.7 us of our CPU each, with one per read 67,000 for 5.2.
 * PQsendFlushRequest() is no substitute: it makes the server send, but the group stays open, with its
 * snapshot's transaction, and after an error everything behind it is skipped. The price of sharing is that a
 * failing read aborts those behind it in its group. They had no effect, so each is sent again, this time in a
 * group of its own: neighbours never see each other's errors, and nobody is sent a third time for it.
 * default_transaction_read_only keeps writes out of the read lane, where a neighbour's error could undo one
 * that was already answered.
 *
 * A statement that the server does not know (26000: its PREPARE failed, or somebody said DEALLOCATE) was not
 * run and is sent again with its PREPARE. */

#include "config.h"

#include "pg/pg_pipeline.h"

#include <errno.h>

#include "base/alloc.h"
#include "base/str.h"

/* Deadlocks and serialization failures end by themselves; a statement that loses five times has company that
 * no retry will cure. */
#define ATTEMPTS_MAX 5
#define CAPACITY_FIRST 32

struct pg_slot {
        enum { SLOT_CHECK, SLOT_PREPARE, SLOT_QUERY, SLOT_SYNC } kind;
        bool answered;          /* the NULL behind its result is still to come */
        struct pg_query *query; /* QUERY: the job, NULL when abandoned; SYNC: the write it commits */
        const struct pg_statement *statement; /* PREPARE, QUERY */
};

static struct pg_slot *slot_at(const struct pg_conn *c, unsigned sequence)
{
        return &c->slots[sequence & (c->capacity - 1)];
}

static int reserve_slots(struct pg_conn *c, unsigned n)
{
        unsigned capacity = c->capacity ? c->capacity : CAPACITY_FIRST;
        struct pg_slot *slots;

        while (c->tail - c->head + n > capacity)
                capacity *= 2;
        if (capacity == c->capacity)
                return 0;
        slots = new0(struct pg_slot, capacity);
        if (!slots)
                return -ENOMEM;
        for (unsigned i = c->head; i != c->tail; i++)
                slots[i & (capacity - 1)] = *slot_at(c, i);
        free(c->slots);
        c->slots = slots;
        c->capacity = capacity;
        return 0;
}

static unsigned push_slot(struct pg_conn *c, int kind, const struct pg_statement *statement,
                          struct pg_query *q)
{
        *slot_at(c, c->tail) = (struct pg_slot){.kind = kind, .statement = statement, .query = q};
        return c->tail++;
}

/* ---- sending ---- */

static int put_sync(struct pg_conn *c)
{
#ifdef HAVE_PQSENDPIPELINESYNC
        int ok = PQsendPipelineSync(c->link.pg);
#else
        int ok = PQpipelineSync(c->link.pg);
#endif

        if (!ok)
                return -ECONNRESET;
        push_slot(c, SLOT_SYNC, NULL, NULL);
        c->group_open = false;
        return 0;
}

static int end_open_group(struct pg_conn *c)
{
        return c->group_open ? put_sync(c) : 0;
}

static int send_prepare(struct pg_conn *c, const struct pg_statement *s)
{
        int r;

        r = end_open_group(c);
        if (r < 0)
                return r;
        r = pg_prepared_add(&c->prepared, s);
        if (r < 0)
                return r;
        if (!PQsendPrepare(c->link.pg, s->name, s->sql, 0, NULL))
                return -ECONNRESET;
        push_slot(c, SLOT_PREPARE, s, NULL);
        return put_sync(c);
}

static int send_statement(struct pg_conn *c, struct pg_query *q)
{
        const char *values[PG_PARAMS_MAX];
        const char *text = q->params.data ? buf_bytes(&q->params) : q->small;
        int n = (int)q->n_params, ok;

        for (int i = 0; i < n; i++)
                values[i] = q->offsets[i] < 0 ? NULL : text + q->offsets[i];
        if (q->statement->name)
                ok = PQsendQueryPrepared(c->link.pg, q->statement->name, n, values, NULL, NULL, 0);
        else
                ok = PQsendQueryParams(c->link.pg, q->statement->sql, n, NULL, values, NULL, NULL, 0);
        return ok ? 0 : -ECONNRESET;
}

int pg_conn_send(struct pg_conn *c, struct pg_query *q)
{
        bool alone = q->alone || c->lane != PG_LANE_READ;
        int r;

        if (c->head == c->tail)
                c->progress_usec = pg_conn_now(c);
        r = reserve_slots(c, 5); /* the most one job takes */
        if (r < 0)
                return r;
        c->touched = true;
        if (q->statement->name && !pg_prepared_has(&c->prepared, q->statement)) {
                r = send_prepare(c, q->statement);
                if (r < 0)
                        return r;
        }
        r = alone ? end_open_group(c) : 0;
        if (r < 0)
                return r;
        r = send_statement(c, q);
        if (r < 0)
                return r;
        q->slot = push_slot(c, SLOT_QUERY, q->statement, q);
        q->connection = c;
        q->state = PG_QUERY_SENT;
        q->was_sent = true;
        c->group_open = true;
        c->n_jobs++;
        return alone ? put_sync(c) : 0;
}

int pg_conn_end_group(struct pg_conn *c)
{
        int r;

        c->touched = false;
        r = end_open_group(c);
        if (r < 0)
                return r;
        return pg_link_flush(&c->link);
}

int pg_pipeline_check(struct pg_conn *c, const char *sql)
{
        int r;

        r = reserve_slots(c, 2);
        if (r < 0)
                return r;
        if (!PQsendQueryParams(c->link.pg, sql, 0, NULL, NULL, NULL, NULL, 0))
                return -ECONNRESET;
        push_slot(c, SLOT_CHECK, NULL, NULL);
        r = put_sync(c);
        return r < 0 ? r : pg_link_flush(&c->link);
}

/* ---- receiving ---- */

static bool is_loss(const struct pg_conn *c, const char *sqlstate)
{
        return PQstatus(c->link.pg) == CONNECTION_BAD || startswith(sqlstate, "57P") ||
               startswith(sqlstate, "08");
}

static const char *sqlstate_of(const PGresult *res)
{
        const char *s = PQresultErrorField(res, PG_DIAG_SQLSTATE);

        return s ? s : "";
}

/* The job has left its slot. True: it was put into the line again. */
static bool retry(struct pg_conn *c, struct pg_query *q, const char *sqlstate)
{
        if (streq(sqlstate, "26000")) {
                pg_prepared_remove(&c->prepared, q->statement);
                if (q->attempts > 0)
                        return false;
        } else if (!streq(sqlstate, "40001") && !streq(sqlstate, "40P01")) {
                return false;
        }
        if (++q->attempts >= ATTEMPTS_MAX)
                return false;
        c->handler->requeue(c, q);
        return true;
}

static void fail_job(struct pg_conn *c, struct pg_query *q, const PGresult *res)
{
        const char *sqlstate = sqlstate_of(res);

        q->connection = NULL;
        if (retry(c, q, sqlstate))
                return;
        pg_query_set_error(q, res);
        /* 57014, query_canceled: statement_timeout is the only one who cancels on shared lanes */
        pg_query_settle(q, streq(sqlstate, "57014") ? -ETIMEDOUT : -EIO);
}

static void on_query_result(struct pg_conn *c, struct pg_slot *s, PGresult *res)
{
        struct pg_query *q = TAKE_PTR(s->query);

        c->n_jobs--;
        if (!q) {
                PQclear(res);
                return;
        }
        switch (PQresultStatus(res)) {
        case PGRES_TUPLES_OK:
        case PGRES_COMMAND_OK:
                q->result = res;
                if (c->lane == PG_LANE_READ) {
                        q->connection = NULL;
                        pg_query_settle(q, 0);
                } else { /* a group of its own: its SYNC is the next slot */
                        q->slot = c->head + 1;
                        slot_at(c, q->slot)->query = q;
                        c->n_jobs++;
                }
                return;
        case PGRES_PIPELINE_ABORTED:
                q->connection = NULL;
                q->alone = true;
                c->handler->requeue(c, q);
                break;
        default:
                fail_job(c, q, res);
        }
        PQclear(res);
}

/* The jobs that count on a failing PREPARE are told what was wrong with it; of them the server will say only
 * that it does not know the statement. That it knew it already is fine: two jobs may have missed it (26000).
 */
static void on_prepare_result(struct pg_conn *c, struct pg_slot *s, PGresult *res)
{
        const struct pg_statement *statement = s->statement;
        bool known = PQresultStatus(res) == PGRES_COMMAND_OK || streq(sqlstate_of(res), "42P05");

        if (!known)
                pg_prepared_remove(&c->prepared, statement);
        for (unsigned i = c->head + 1; !known && i != c->tail; i++) {
                struct pg_query *q;

                s = slot_at(c, i);
                if (s->statement != statement)
                        continue;
                if (s->kind == SLOT_PREPARE)
                        break;
                q = TAKE_PTR(s->query);
                if (q)
                        fail_job(c, q, res);
        }
        PQclear(res);
}

static void on_sync_result(struct pg_conn *c, struct pg_slot *s, PGresult *res)
{
        struct pg_query *q = TAKE_PTR(s->query);

        if (q)
                c->n_jobs--;
        if (PQresultStatus(res) != PGRES_PIPELINE_SYNC) { /* the commit failed; the sync itself follows */
                if (q) {
                        PQclear(TAKE_PTR(q->result));
                        fail_job(c, q, res);
                }
        } else {
                c->head++;
                if (q) {
                        q->connection = NULL;
                        pg_query_settle(q, 0);
                }
        }
        PQclear(res);
}

static void on_result(struct pg_conn *c, PGresult *res)
{
        struct pg_slot *s = slot_at(c, c->head);

        if (PQresultStatus(res) == PGRES_FATAL_ERROR && is_loss(c, sqlstate_of(res))) {
                pg_conn_lose(c, -ECONNRESET, PQresultErrorMessage(res));
                PQclear(res);
                return;
        }
        if (s->kind != SLOT_SYNC)
                s->answered = true;
        switch (s->kind) {
        case SLOT_CHECK:
                pg_conn_on_check(c, res);
                break;
        case SLOT_PREPARE:
                on_prepare_result(c, s, res);
                break;
        case SLOT_QUERY:
                on_query_result(c, s, res);
                break;
        case SLOT_SYNC:
                on_sync_result(c, s, res);
                break;
        }
}

/* A completion may cancel neighbours, which empties slots, or abort this very connection: then `pg` is
 * another or none. */
void pg_pipeline_read(struct pg_conn *c)
{
        PGconn *pg = c->link.pg;
        unsigned n_empty = 0;

        while (c->link.pg == pg && c->head != c->tail && !PQisBusy(pg)) {
                PGresult *res = PQgetResult(pg);

                if (res) {
                        n_empty = 0;
                        on_result(c, res);
                } else if (slot_at(c, c->head)->answered) {
                        n_empty = 0;
                        c->head++;
                } else if (++n_empty > 2) { /* one NULL follows a failed commit; more mean we lost count */
                        pg_conn_lose(c, -ECONNRESET, "pipeline out of step");
                }
        }
}

/* ---- jobs ---- */

void pg_pipeline_take_jobs(struct pg_conn *c, struct list *jobs)
{
        for (unsigned i = c->head; i != c->tail; i++) {
                struct pg_query *q = TAKE_PTR(slot_at(c, i)->query);

                if (!q)
                        continue;
                q->connection = NULL;
                q->state = PG_QUERY_SETTLING;
                list_append(jobs, &q->link);
        }
        c->head = c->tail = c->n_jobs = 0;
        c->group_open = c->touched = false;
}

void pg_pipeline_requeue(struct pg_conn *c)
{
        for (unsigned i = c->head; i != c->tail; i++) {
                struct pg_query *q = TAKE_PTR(slot_at(c, i)->query);

                if (q)
                        c->handler->requeue(c, q);
        }
}

void pg_pipeline_forget(struct pg_conn *c, struct pg_query *q)
{
        struct pg_slot *s = slot_at(c, q->slot);

        s->query = NULL;
        q->connection = NULL;
        if (s->kind == SLOT_SYNC) /* its result is in, and goes with the job */
                c->n_jobs--;
}

struct pg_query *pg_conn_next_job(const struct pg_conn *c, unsigned *cursor)
{
        while (*cursor < c->tail - c->head) {
                struct pg_query *q = slot_at(c, c->head + (*cursor)++)->query;

                if (q)
                        return q;
        }
        return NULL;
}
