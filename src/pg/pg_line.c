/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */

/* Who sends what where, and when.
 *
 * A submitted job goes into its lane's waiting line, always: submit never calls back, and all that came in
 * one loop turn leaves together in one dispatch at the turn's end. Dispatch gives each job to the connection
 * with the fewest under way, up to the lane's depth, but none to one that is busy with something slow; what
 * finds no room keeps waiting, in reach of whatever becomes free first. */

#include "pg/pg_line.h"

#include <errno.h>
#include <limits.h>

#include "base/alloc.h"

/* Jobs under way per connection. Reads: enough that the server never waits for us. Writes: enough to hide the
 * round trip; more would only queue behind one that waits for a row lock. */
#define READ_DEPTH 64
#define WRITE_DEPTH 8
/* When the least busy connection has this many under way, another one is opened. For writes at once, since
 * commits are grouped across connections only. */
#define READ_GROW_AT 16
#define WRITE_GROW_AT 1

/* A connection that has said nothing for so long runs something slow or waits for a lock: no job is put
 * behind it. Nothing is lost by waiting in line instead, since the server takes one after the other anyway.
 */
#define STUCK_USEC (2 * USEC_PER_MSEC)

/* While the server is known to be away a job waits no longer than this: a restart takes less, and whoever
 * asks during an outage is better told soon than at the end of a long patience. */
#define DOWN_WAIT_USEC (3 * USEC_PER_SEC)

/* A connection that owes an answer and is silent for longer than any statement may take is dead. */
#define STALL_MARGIN_USEC (5 * USEC_PER_SEC)

/* ---- the line ---- */

void pg_line_enqueue(struct pg_query *q)
{
        struct pg_pool *p = q->pool;
        struct pg_line *line = &p->lines[q->lane];

        if (p->state == PG_DOWN && p->n_failures > 0)
                q->deadline_usec = MIN_OF(q->deadline_usec, usec_add(pg_pool_now(p), DOWN_WAIT_USEC));
        q->state = PG_QUERY_WAITING;
        list_append(&line->waiting, &q->link);
        line->n_waiting++;
        pg_pool_need_timer(p, q->deadline_usec);
        loop_task_schedule(&p->dispatch);
}

void pg_line_refuse(struct pg_line *line, int status)
{
        struct list refused;

        list_init(&refused);
        while (!list_is_empty(&line->waiting)) {
                struct pg_query *q = LIST_ENTRY(list_first(&line->waiting), struct pg_query, link);

                list_remove(&q->link);
                line->n_waiting--;
                q->state = PG_QUERY_SETTLING;
                list_append(&refused, &q->link);
        }
        pg_query_settle_all(&refused, status);
}

/* ---- dispatch ---- */

static usec_t stall_limit(const struct pg_pool *p, const struct pg_conn *c)
{
        if (c->lane == PG_LANE_EXCLUSIVE && c->state == PG_CONN_READY)
                return USEC_INFINITY; /* no statement_timeout there: its deadline ends it */
        return usec_add(c->progress_usec, usec_add(p->statement_timeout_usec, STALL_MARGIN_USEC));
}

/* How busy, or UINT_MAX: nothing more fits. An exclusive connection is free only when nothing at all is under
 * way on it. */
static unsigned load(const struct pg_line *line, const struct pg_conn *c, usec_t now)
{
        if (!pg_conn_takes_jobs(c))
                return UINT_MAX;
        if (c->head == c->tail)
                return 0;
        if (c->lane == PG_LANE_EXCLUSIVE || c->n_jobs >= line->depth || now - c->progress_usec > STUCK_USEC)
                return UINT_MAX;
        return c->n_jobs;
}

static struct pg_conn *least_busy(struct pg_line *line, usec_t now, unsigned *ret_load)
{
        struct pg_conn *best = NULL;

        *ret_load = UINT_MAX;
        for (unsigned i = 0; i < line->n_conns; i++) {
                unsigned n = load(line, &line->conns[i], now);

                if (n < *ret_load) {
                        best = &line->conns[i];
                        *ret_load = n;
                }
        }
        return best;
}

static void lend(struct pg_conn *c, struct pg_query *q)
{
        if (pg_conn_lend(c) < 0) {
                pg_conn_lose(c, -ECONNRESET, "cannot leave pipeline mode");
                pg_query_settle(q, -ENOTCONN);
                return;
        }
        q->lent = c;
        pg_query_settle(q, 0);
}

static void send_job(struct pg_conn *c, struct pg_query *q)
{
        int r;

        if (!q->statement) {
                lend(c, q);
                return;
        }
        if (c->lane == PG_LANE_EXCLUSIVE)
                loop_timer_stop(&c->timer);
        r = pg_conn_send(c, q);
        if (r >= 0) {
                pg_pool_need_timer(q->pool, MIN_OF(q->deadline_usec, stall_limit(q->pool, c)));
                return;
        }
        /* Half a job may be in libpq's buffer: the connection has to go. If the job came to stand in its
         * pipeline it ends with it, else it has another try. */
        bool taken = q->state == PG_QUERY_SENT;

        pg_conn_lose(c, -ECONNRESET, PQerrorMessage(c->link.pg));
        if (!taken && q->attempts++ == 0)
                pg_line_enqueue(q);
        else if (!taken)
                pg_query_settle(q, -ENOTCONN);
}

void pg_line_dispatch(struct pg_line *line, usec_t now)
{
        struct pg_conn *c;
        unsigned ignored;

        while (!list_is_empty(&line->waiting) && (c = least_busy(line, now, &ignored))) {
                struct pg_query *q = LIST_ENTRY(list_first(&line->waiting), struct pg_query, link);

                list_remove(&q->link);
                line->n_waiting--;
                send_job(c, q);
        }
        for (unsigned i = 0; i < line->n_conns; i++) {
                c = &line->conns[i];
                if (c->touched && pg_conn_end_group(c) < 0)
                        pg_conn_lose(c, -ECONNRESET, PQerrorMessage(c->link.pg));
        }
}

/* ---- connections ---- */

/* While it is not known whether the server answers, one connection asks for all lanes: at a start it is there
 * sooner alone, since a backend that starts is all work and no waiting. */
static bool is_asked_elsewhere(const struct pg_pool *p, const struct pg_line *line)
{
        if (p->state != PG_DOWN)
                return false;
        for (size_t l = 0; l < ARRAY_SIZE(p->lines); l++)
                for (unsigned i = 0; &p->lines[l] != line && i < p->lines[l].n_conns; i++)
                        if (pg_conn_is_open(&p->lines[l].conns[i]))
                                return true;
        return false;
}

/* One at a time, and none while the reconnect timer holds back. `keep`: one although nobody waits. */
static bool wants_connection(const struct pg_pool *p, struct pg_line *line, usec_t now, bool keep)
{
        unsigned n_open = 0, least;

        for (unsigned i = 0; i < line->n_conns; i++) {
                const struct pg_conn *c = &line->conns[i];

                n_open += pg_conn_is_open(c);
                if (pg_conn_is_open(c) && c->state != PG_CONN_READY && c->state != PG_CONN_LENT)
                        return false;
        }
        if (p->closing || n_open >= line->n_conns || loop_timer_is_armed(&p->reconnect) ||
            is_asked_elsewhere(p, line))
                return false;
        if (!list_is_empty(&line->waiting) || (keep && n_open == 0))
                return true;
        return least_busy(line, now, &least) && least >= line->grow_at;
}

static void open_one(struct pg_pool *p, struct pg_line *line)
{
        for (unsigned i = 0; i < line->n_conns; i++) {
                if (pg_conn_is_open(&line->conns[i]))
                        continue;
                line->conns[i].schema_version = -1;
                if (pg_conn_open(&line->conns[i]) < 0)
                        pg_pool_hold_back(p);
                return;
        }
}

void pg_line_grow(struct pg_pool *p, struct pg_line *line, usec_t now, bool keep)
{
        if (wants_connection(p, line, now, keep))
                open_one(p, line);
}

/* ---- deadlines ---- */

/* Takes what is overdue from the line; returns the earliest deadline of the rest. */
static usec_t take_waiting(struct pg_line *line, usec_t now, struct list *overdue)
{
        usec_t next = USEC_INFINITY;

        LIST_FOREACH_SAFE (link, &line->waiting) {
                struct pg_query *q = LIST_ENTRY(link, struct pg_query, link);

                if (q->deadline_usec > now) {
                        next = MIN_OF(next, q->deadline_usec);
                        continue;
                }
                list_remove(&q->link);
                line->n_waiting--;
                q->state = PG_QUERY_SETTLING;
                list_append(overdue, &q->link);
        }
        return next;
}

static usec_t take_sent(struct pg_pool *p, struct pg_conn *c, usec_t now, struct list *overdue)
{
        usec_t next = USEC_INFINITY;
        struct pg_query *q;

        for (unsigned cursor = 0; (q = pg_conn_next_job(c, &cursor));) {
                if (q->deadline_usec > now) {
                        next = MIN_OF(next, q->deadline_usec);
                        continue;
                }
                pg_conn_forget(c, q);
                q->state = PG_QUERY_SETTLING;
                list_append(overdue, &q->link);
        }
        if (!pg_conn_is_open(c) || c->state == PG_CONN_LENT || c->head == c->tail)
                return next;
        if (stall_limit(p, c) <= now) {
                pg_conn_lose(c, -ECONNRESET, "the server does not answer");
                return USEC_INFINITY;
        }
        return MIN_OF(next, stall_limit(p, c));
}

usec_t pg_line_take_overdue(struct pg_pool *p, struct pg_line *line, usec_t now, struct list *waiting,
                            struct list *sent)
{
        usec_t next = take_waiting(line, now, waiting);

        for (unsigned i = 0; i < line->n_conns; i++)
                next = MIN_OF(next, take_sent(p, &line->conns[i], now, sent));
        return next;
}

/* ---- life ---- */

int pg_line_init(struct pg_pool *p, enum pg_lane which, const struct pg_conf *conf,
                 const char *application_name, const struct pg_conn_handler *handler)
{
        static const struct {
                enum pg_purpose purpose;
                unsigned depth, grow_at;
        } shapes[] = {
                [PG_LANE_READ] = {PG_FOR_READS, READ_DEPTH, READ_GROW_AT},
                [PG_LANE_WRITE] = {PG_FOR_WRITES, WRITE_DEPTH, WRITE_GROW_AT},
                [PG_LANE_EXCLUSIVE] = {PG_FOR_LEASES, 1, 1},
        };
        const uint64_t n[] = {conf->read_connections, conf->write_connections, conf->exclusive_connections};
        struct pg_line *line = &p->lines[which];
        int r;

        r = pg_params_init(&line->params, conf->conninfo, shapes[which].purpose, application_name,
                           conf->statement_timeout_usec, p->error, sizeof(p->error));
        if (r < 0)
                return r;
        line->depth = shapes[which].depth;
        line->grow_at = shapes[which].grow_at;
        line->conns = new0(struct pg_conn, n[which]);
        if (!line->conns)
                return -ENOMEM;
        line->n_conns = (unsigned)n[which];
        for (unsigned i = 0; i < line->n_conns; i++)
                line->conns[i] = (struct pg_conn){.handler = handler,
                                                  .pool = p,
                                                  .params = &line->params,
                                                  .loop = p->loop,
                                                  .lane = which,
                                                  .schema_version = -1};
        return 0;
}

void pg_line_end(struct pg_line *line)
{
        for (unsigned i = 0; i < line->n_conns; i++)
                if (pg_conn_is_open(&line->conns[i]))
                        pg_conn_lose(&line->conns[i], -ECANCELED, "");
        pg_line_refuse(line, -ECANCELED);
}

void pg_line_done(struct pg_line *line)
{
        for (unsigned i = 0; i < line->n_conns; i++)
                pg_conn_done(&line->conns[i]);
        free(line->conns);
        pg_params_done(&line->params);
}
