/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */

/* Who sends what where, and when.
 *
 * A submitted job goes into its lane's waiting line, always: submit never calls back, and all that came in
 * one loop turn leaves together in one dispatch at the turn's end. Dispatch gives each job to the connection
 * with the fewest under way, up to the lane's depth, but none to one that is busy with something slow; what
 * finds no room keeps waiting, in reach of whatever becomes free first.
 *
 * One timer serves all deadlines: it is armed for the earliest it ever heard of and looks at every job when
 * it fires. Deadlines mostly grow with time and jobs mostly end early, so it fires about once per the time
 * that a job is given, not once per job. */

#include "pg/pg_pool.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>

#include "base/alloc.h"
#include "base/str.h"
#include "pg/pg_conn.h"
#include "pg/schema_version.h"

#define RECONNECT_MIN_USEC (100 * USEC_PER_MSEC)
#define RECONNECT_MAX_USEC (5 * USEC_PER_SEC)

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

#define EXCLUSIVE_UNUSED_USEC (60 * USEC_PER_SEC)
/* A connection that owes an answer and is silent for longer than any statement may take is dead. */
#define STALL_MARGIN_USEC (5 * USEC_PER_SEC)

struct lane {
        struct list waiting;
        uint64_t n_waiting;
        struct pg_params params;
        struct pg_conn *conns; /* owned */
        unsigned n_conns, depth, grow_at;
};

struct pg_pool {
        sd_event *loop;              /* shared */
        struct pg_pool_watch *watch; /* borrowed */
        struct lane lanes[3];
        uint64_t waiting_max;
        usec_t statement_timeout_usec;
        enum pg_state state;
        bool was_told; /* the watch knows a state */
        bool wanted;   /* by a job or warm(): keeps one connection for reads from then on */
        bool closing;
        unsigned n_failures; /* connects in a row */
        char error[160];
        struct loop_task dispatch;
        struct loop_timer reconnect, deadlines;
        usec_t deadline_at; /* what `deadlines` is armed for */
        uint64_t n_jobs, n_failed, n_reconnects;
};

static bool is_open(const struct pg_conn *c)
{
        return c->state != PG_CONN_CLOSED;
}

static usec_t pool_now(const struct pg_pool *p)
{
        uint64_t now;

        return sd_event_now(p->loop, CLOCK_MONOTONIC, &now) >= 0 ? now : clock_monotonic_usec();
}

/* ---- state ---- */

static enum pg_state find_state(const struct pg_pool *p)
{
        enum pg_state found = PG_DOWN;

        for (size_t l = 0; l < ARRAY_SIZE(p->lanes); l++)
                for (unsigned i = 0; i < p->lanes[l].n_conns; i++) {
                        const struct pg_conn *c = &p->lanes[l].conns[i];

                        if (c->state == PG_CONN_READY || c->state == PG_CONN_LENT)
                                return PG_UP;
                        /* while it asks again, what it said last still holds */
                        if (c->schema_version >= 0 && is_open(c))
                                found = c->schema_version > SCHEMA_VERSION ? PG_SCHEMA_TOO_NEW
                                                                           : PG_SCHEMA_PENDING;
                }
        return found;
}

static void update_state(struct pg_pool *p)
{
        enum pg_state state = find_state(p);

        if (state == PG_UP)
                p->error[0] = '\0';
        else if (state == PG_SCHEMA_PENDING)
                snprintf(p->error, sizeof(p->error), "the schema is older than this program needs (%d)",
                         SCHEMA_VERSION);
        else if (state == PG_SCHEMA_TOO_NEW)
                snprintf(p->error, sizeof(p->error), "the schema is newer than this program knows (%d)",
                         SCHEMA_VERSION);
        /* A first connect that failed is news, though it was down before. */
        if (state == p->state && (p->was_told || p->n_failures == 0))
                return;
        p->state = state;
        p->was_told = true;
        if (p->watch)
                p->watch->changed(p->watch, state);
}

/* ---- deadlines ---- */

static void on_deadline(struct loop_timer *t);

static void need_timer(struct pg_pool *p, usec_t at)
{
        usec_t now;

        if (at >= p->deadline_at)
                return;
        now = pool_now(p);
        if (loop_timer_start(&p->deadlines, p->loop, at > now ? at - now : 0, on_deadline) >= 0)
                p->deadline_at = at;
}

static usec_t stall_limit(const struct pg_pool *p, const struct pg_conn *c)
{
        if (c->lane == PG_LANE_EXCLUSIVE && c->state == PG_CONN_READY)
                return USEC_INFINITY; /* no statement_timeout there: its deadline ends it */
        return usec_add(c->progress_usec, usec_add(p->statement_timeout_usec, STALL_MARGIN_USEC));
}

/* Takes what is overdue from the line; returns the earliest deadline of the rest. */
static usec_t take_overdue_waiting(struct lane *lane, usec_t now, struct list *overdue)
{
        usec_t next = USEC_INFINITY;

        LIST_FOREACH_SAFE (link, &lane->waiting) {
                struct pg_query *q = LIST_ENTRY(link, struct pg_query, link);

                if (q->deadline_usec > now) {
                        next = MIN_OF(next, q->deadline_usec);
                        continue;
                }
                list_remove(&q->link);
                lane->n_waiting--;
                q->state = PG_QUERY_SETTLING;
                list_append(overdue, &q->link);
        }
        return next;
}

static usec_t take_overdue_sent(struct pg_pool *p, struct pg_conn *c, usec_t now, struct list *overdue)
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
        if (!is_open(c) || c->state == PG_CONN_LENT || c->head == c->tail)
                return next;
        if (stall_limit(p, c) <= now) {
                pg_conn_lose(c, -ECONNRESET, "the server does not answer");
                return USEC_INFINITY;
        }
        return MIN_OF(next, stall_limit(p, c));
}

static int waiting_status(const struct pg_pool *p)
{
        switch (p->state) {
        case PG_UP:
                return -ETIMEDOUT;
        case PG_SCHEMA_PENDING:
                return -ESTALE;
        case PG_SCHEMA_TOO_NEW:
                return -EPROTONOSUPPORT;
        default:
                return -ENOTCONN;
        }
}

static void on_deadline(struct loop_timer *t)
{
        struct pg_pool *p = container_of(t, struct pg_pool, deadlines);
        usec_t now = pool_now(p), next = USEC_INFINITY;
        struct list waiting, sent;

        list_init(&waiting);
        list_init(&sent);
        p->deadline_at = USEC_INFINITY;
        for (size_t l = 0; l < ARRAY_SIZE(p->lanes); l++) {
                struct lane *lane = &p->lanes[l];

                for (unsigned i = 0; i < lane->n_conns; i++)
                        next = MIN_OF(next, take_overdue_sent(p, &lane->conns[i], now, &sent));
                next = MIN_OF(next, take_overdue_waiting(lane, now, &waiting));
        }
        if (next != USEC_INFINITY)
                need_timer(p, next);
        pg_query_settle_all(&waiting, waiting_status(p));
        pg_query_settle_all(&sent, -ETIMEDOUT);
}

/* ---- dispatch ---- */

static void enqueue(struct pg_query *q)
{
        struct pg_pool *p = q->pool;
        struct lane *lane = &p->lanes[q->lane];

        if (p->state == PG_DOWN && p->n_failures > 0)
                q->deadline_usec = MIN_OF(q->deadline_usec, usec_add(pool_now(p), DOWN_WAIT_USEC));
        q->state = PG_QUERY_WAITING;
        list_append(&lane->waiting, &q->link);
        lane->n_waiting++;
        need_timer(p, q->deadline_usec);
        loop_task_schedule(&p->dispatch);
}

/* How busy, or UINT_MAX: nothing more fits. An exclusive connection is free only when nothing at all is under
 * way on it. */
static unsigned load(const struct lane *lane, const struct pg_conn *c, usec_t now)
{
        if (c->state != PG_CONN_READY)
                return UINT_MAX;
        if (c->head == c->tail)
                return 0;
        if (c->lane == PG_LANE_EXCLUSIVE || c->n_jobs >= lane->depth || now - c->progress_usec > STUCK_USEC)
                return UINT_MAX;
        return c->n_jobs;
}

static struct pg_conn *least_busy(struct lane *lane, usec_t now, unsigned *ret_load)
{
        struct pg_conn *best = NULL;

        *ret_load = UINT_MAX;
        for (unsigned i = 0; i < lane->n_conns; i++) {
                unsigned n = load(lane, &lane->conns[i], now);

                if (n < *ret_load) {
                        best = &lane->conns[i];
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
                need_timer(q->pool, MIN_OF(q->deadline_usec, stall_limit(q->pool, c)));
                return;
        }
        /* Half a job may be in libpq's buffer: the connection has to go. If the job came to stand in its
         * pipeline it ends with it, else it has another try. */
        bool taken = q->state == PG_QUERY_SENT;

        pg_conn_lose(c, -ECONNRESET, PQerrorMessage(c->link.pg));
        if (!taken && q->attempts++ == 0)
                enqueue(q);
        else if (!taken)
                pg_query_settle(q, -ENOTCONN);
}

static void dispatch_lane(struct lane *lane, usec_t now)
{
        struct pg_conn *c;
        unsigned ignored;

        while (!list_is_empty(&lane->waiting) && (c = least_busy(lane, now, &ignored))) {
                struct pg_query *q = LIST_ENTRY(list_first(&lane->waiting), struct pg_query, link);

                list_remove(&q->link);
                lane->n_waiting--;
                send_job(c, q);
        }
        for (unsigned i = 0; i < lane->n_conns; i++) {
                c = &lane->conns[i];
                if (c->touched && pg_conn_end_group(c) < 0)
                        pg_conn_lose(c, -ECONNRESET, PQerrorMessage(c->link.pg));
        }
}

/* One at a time, and none while the reconnect timer holds back. `keep`: one although nobody waits. */
static bool wants_connection(const struct pg_pool *p, struct lane *lane, usec_t now, bool keep)
{
        unsigned n_open = 0, least;

        for (unsigned i = 0; i < lane->n_conns; i++) {
                const struct pg_conn *c = &lane->conns[i];

                n_open += is_open(c);
                if (is_open(c) && c->state != PG_CONN_READY && c->state != PG_CONN_LENT)
                        return false;
        }
        if (p->closing || n_open >= lane->n_conns || loop_timer_is_armed(&p->reconnect))
                return false;
        if (!list_is_empty(&lane->waiting) || (keep && n_open == 0))
                return true;
        return least_busy(lane, now, &least) && least >= lane->grow_at;
}

static void on_reconnect(struct loop_timer *t)
{
        struct pg_pool *p = container_of(t, struct pg_pool, reconnect);

        loop_task_schedule(&p->dispatch);
}

static void hold_back(struct pg_pool *p)
{
        (void)loop_timer_start(&p->reconnect, p->loop,
                               backoff_usec(p->n_failures, RECONNECT_MIN_USEC, RECONNECT_MAX_USEC),
                               on_reconnect);
}

static void open_connection(struct pg_pool *p, struct lane *lane)
{
        for (unsigned i = 0; i < lane->n_conns; i++) {
                if (is_open(&lane->conns[i]))
                        continue;
                lane->conns[i].schema_version = -1;
                if (pg_conn_open(&lane->conns[i]) < 0)
                        hold_back(p);
                return;
        }
}

static void refuse_all(struct lane *lane, int status)
{
        struct list refused;

        list_init(&refused);
        while (!list_is_empty(&lane->waiting)) {
                struct pg_query *q = LIST_ENTRY(list_first(&lane->waiting), struct pg_query, link);

                list_remove(&q->link);
                lane->n_waiting--;
                q->state = PG_QUERY_SETTLING;
                list_append(&refused, &q->link);
        }
        pg_query_settle_all(&refused, status);
}

static void on_dispatch(struct loop_task *t)
{
        struct pg_pool *p = container_of(t, struct pg_pool, dispatch);
        usec_t now = pool_now(p);

        for (size_t l = 0; l < ARRAY_SIZE(p->lanes); l++) {
                struct lane *lane = &p->lanes[l];

                if (p->state == PG_SCHEMA_TOO_NEW)
                        refuse_all(lane, -EPROTONOSUPPORT);
                dispatch_lane(lane, now);
                if (wants_connection(p, lane, now, p->wanted && l == PG_LANE_READ))
                        open_connection(p, lane);
        }
}

/* ---- what connections tell ---- */

static void on_unused(struct loop_timer *t)
{
        struct pg_conn *c = container_of(t, struct pg_conn, timer);

        pg_conn_lose(c, -ECANCELED, "");
}

static void on_conn_vacant(struct pg_conn *c)
{
        struct lane *lane = &c->pool->lanes[c->lane];

        if (!list_is_empty(&lane->waiting))
                loop_task_schedule(&c->pool->dispatch);
        else if (c->lane == PG_LANE_EXCLUSIVE && c->head == c->tail)
                (void)loop_timer_start(&c->timer, c->loop, EXCLUSIVE_UNUSED_USEC, on_unused);
}

static void on_conn_changed(struct pg_conn *c)
{
        struct pg_pool *p = c->pool;

        if (p->closing)
                return;
        if (c->state == PG_CONN_READY) {
                p->n_failures = 0;
                on_conn_vacant(c);
        } else if (c->state == PG_CONN_CLOSED && c->link.error[0]) {
                memcpy(p->error, c->link.error, sizeof(p->error));
                p->n_reconnects++;
                if (!loop_timer_is_armed(&p->reconnect)) { /* all of a server's connections die at once */
                        hold_back(p);
                        p->n_failures++;
                }
        }
        update_state(p);
        loop_task_schedule(&p->dispatch);
}

static void on_conn_requeue(struct pg_conn *c, struct pg_query *q)
{
        q->connection = NULL;
        q->was_sent = false;
        enqueue(q);
}

static const struct pg_conn_handler conn_handler = {
        .changed = on_conn_changed,
        .requeue = on_conn_requeue,
        .vacant = on_conn_vacant,
};

/* ---- the public face ---- */

void pg_pool_count(struct pg_pool *p, int status)
{
        p->n_jobs++;
        p->n_failed += status < 0;
}

int pg_query_submit(struct pg_query *q, struct pg_pool *pool, enum pg_lane lane, usec_t deadline_usec)
{
        assert(q->state == PG_QUERY_IDLE);
        if (pool->closing)
                return -ECANCELED;
        if (pool->lanes[lane].n_waiting >= pool->waiting_max)
                return -EBUSY;
        if (q->params.failed)
                return -ENOMEM;
        q->pool = pool;
        q->lane = lane;
        q->deadline_usec = deadline_usec;
        PQclear(TAKE_PTR(q->result));
        q->attempts = 0;
        q->alone = q->was_sent = false;
        q->sqlstate[0] = q->error[0] = '\0';
        pool->wanted = true;
        enqueue(q);
        return 0;
}

void pg_query_cancel(struct pg_query *q)
{
        switch (q->state) {
        case PG_QUERY_WAITING:
                q->pool->lanes[q->lane].n_waiting--;
                list_remove(&q->link);
                break;
        case PG_QUERY_SENT:
                pg_conn_forget(q->connection, q);
                break;
        case PG_QUERY_SETTLING:
                list_remove(&q->link);
                break;
        case PG_QUERY_IDLE:
                return;
        }
        q->state = PG_QUERY_IDLE;
        q->status = -ECANCELED;
}

static int lane_init(struct pg_pool *p, enum pg_lane which, const struct pg_conf *conf,
                     const char *application_name)
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
        struct lane *lane = &p->lanes[which];
        int r;

        r = pg_params_init(&lane->params, conf->conninfo, shapes[which].purpose, application_name,
                           conf->statement_timeout_usec, p->error, sizeof(p->error));
        if (r < 0)
                return r;
        lane->depth = shapes[which].depth;
        lane->grow_at = shapes[which].grow_at;
        lane->conns = new0(struct pg_conn, n[which]);
        if (!lane->conns)
                return -ENOMEM;
        lane->n_conns = (unsigned)n[which];
        for (unsigned i = 0; i < lane->n_conns; i++)
                lane->conns[i] = (struct pg_conn){.handler = &conn_handler,
                                                  .pool = p,
                                                  .params = &lane->params,
                                                  .loop = p->loop,
                                                  .lane = which,
                                                  .schema_version = -1};
        return 0;
}

int pg_pool_new(struct pg_pool **ret, sd_event *loop, const struct pg_conf *conf,
                const char *application_name, struct pg_pool_watch *watch)
{
        _cleanup_(pg_pool_freep) struct pg_pool *p = NULL;
        int r;

        p = new0(struct pg_pool, 1);
        if (!p)
                return -ENOMEM;
        p->loop = sd_event_ref(loop);
        p->watch = watch;
        p->waiting_max = conf->waiting_max;
        p->statement_timeout_usec =
                conf->statement_timeout_usec ? conf->statement_timeout_usec : USEC_INFINITY;
        p->deadline_at = USEC_INFINITY;
        for (size_t l = 0; l < ARRAY_SIZE(p->lanes); l++)
                list_init(&p->lanes[l].waiting);
        for (size_t l = 0; l < ARRAY_SIZE(p->lanes); l++) {
                r = lane_init(p, (enum pg_lane)l, conf, application_name);
                if (r < 0)
                        return r;
        }
        r = loop_task_init(&p->dispatch, loop, on_dispatch);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(p);
        return 0;
}

static void lane_end(struct lane *lane)
{
        for (unsigned i = 0; i < lane->n_conns; i++)
                if (is_open(&lane->conns[i]))
                        pg_conn_lose(&lane->conns[i], -ECANCELED, "");
        refuse_all(lane, -ECANCELED);
}

static void lane_done(struct lane *lane)
{
        for (unsigned i = 0; i < lane->n_conns; i++)
                pg_conn_done(&lane->conns[i]);
        free(lane->conns);
        pg_params_done(&lane->params);
}

struct pg_pool *pg_pool_free(struct pg_pool *p)
{
        if (!p)
                return NULL;
        p->closing = true;
        /* All lanes end before one is taken apart: a completion may cancel a job in another. */
        for (size_t l = 0; l < ARRAY_SIZE(p->lanes); l++)
                lane_end(&p->lanes[l]);
        for (size_t l = 0; l < ARRAY_SIZE(p->lanes); l++)
                lane_done(&p->lanes[l]);
        loop_task_done(&p->dispatch);
        loop_timer_done(&p->reconnect);
        loop_timer_done(&p->deadlines);
        sd_event_unref(p->loop);
        free(p);
        return NULL;
}

void pg_pool_warm(struct pg_pool *p)
{
        p->wanted = true;
        loop_task_schedule(&p->dispatch);
}

enum pg_state pg_pool_state(const struct pg_pool *p)
{
        return p->state;
}

const char *pg_pool_error(const struct pg_pool *p)
{
        return p->error;
}

void pg_pool_metrics(const struct pg_pool *p, struct pg_pool_metrics *ret)
{
        *ret = (struct pg_pool_metrics){
                .n_jobs = p->n_jobs, .n_failed = p->n_failed, .n_reconnects = p->n_reconnects};
        for (size_t l = 0; l < ARRAY_SIZE(p->lanes); l++) {
                ret->n_waiting += p->lanes[l].n_waiting;
                for (unsigned i = 0; i < p->lanes[l].n_conns; i++) {
                        const struct pg_conn *c = &p->lanes[l].conns[i];

                        ret->n_in_flight += c->n_jobs;
                        ret->n_connected += c->state == PG_CONN_READY || c->state == PG_CONN_LENT;
                }
        }
}
