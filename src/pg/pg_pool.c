/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */

/* The pool as a whole: its state, its three timers and what its connections tell. Who sends what where is in
 * pg_line.c.
 *
 * One timer serves all deadlines: it is armed for the earliest it ever heard of and looks at every job when
 * it fires. Deadlines mostly grow with time and jobs mostly end early, so it fires about once per the time
 * that a job is given, not once per job. */

#include "pg/pg_pool.h"

#include <errno.h>
#include <stdio.h>

#include "base/alloc.h"
#include "base/str.h"
#include "pg/pg_line.h"
#include "pg/schema_version.h"

#define RECONNECT_MIN_USEC (100 * USEC_PER_MSEC)
#define RECONNECT_MAX_USEC (5 * USEC_PER_SEC)

#define EXCLUSIVE_UNUSED_USEC (60 * USEC_PER_SEC)

usec_t pg_pool_now(const struct pg_pool *p)
{
        uint64_t now;

        return sd_event_now(p->loop, CLOCK_MONOTONIC, &now) >= 0 ? now : clock_monotonic_usec();
}

/* ---- state ---- */

static enum pg_state find_state(const struct pg_pool *p)
{
        enum pg_state found = PG_DOWN;

        for (size_t l = 0; l < ARRAY_SIZE(p->lines); l++)
                for (unsigned i = 0; i < p->lines[l].n_conns; i++) {
                        const struct pg_conn *c = &p->lines[l].conns[i];

                        if (c->state == PG_CONN_READY || c->state == PG_CONN_LENT)
                                return PG_UP;
                        /* while it asks again, what it said last still holds */
                        if (c->schema_version >= 0 && pg_conn_is_open(c))
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
        loop_task_schedule(&p->tell);
}

/* After the turn: whoever waits for an answer comes before whoever writes logs. */
static void on_tell(struct loop_task *t)
{
        struct pg_pool *p = container_of(t, struct pg_pool, tell);

        if (p->watch)
                p->watch->changed(p->watch, p->state);
}

/* ---- deadlines ---- */

static void on_deadline(struct loop_timer *t);

void pg_pool_need_timer(struct pg_pool *p, usec_t at)
{
        usec_t now;

        if (at >= p->deadline_at)
                return;
        now = pg_pool_now(p);
        if (loop_timer_start(&p->deadlines, p->loop, at > now ? at - now : 0, on_deadline) >= 0)
                p->deadline_at = at;
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
        usec_t now = pg_pool_now(p), next = USEC_INFINITY;
        struct list waiting, sent;

        list_init(&waiting);
        list_init(&sent);
        p->deadline_at = USEC_INFINITY;
        for (size_t l = 0; l < ARRAY_SIZE(p->lines); l++) {
                struct pg_line *line = &p->lines[l];

                next = MIN_OF(next, pg_line_take_overdue(p, line, now, &waiting, &sent));
        }
        if (next != USEC_INFINITY)
                pg_pool_need_timer(p, next);
        pg_query_settle_all(&waiting, waiting_status(p));
        pg_query_settle_all(&sent, -ETIMEDOUT);
}

/* ---- dispatch ---- */

static void on_reconnect(struct loop_timer *t)
{
        struct pg_pool *p = container_of(t, struct pg_pool, reconnect);

        loop_task_schedule(&p->dispatch);
}

void pg_pool_hold_back(struct pg_pool *p)
{
        (void)loop_timer_start(&p->reconnect, p->loop,
                               backoff_usec(p->n_failures, RECONNECT_MIN_USEC, RECONNECT_MAX_USEC),
                               on_reconnect);
}

static void on_dispatch(struct loop_task *t)
{
        struct pg_pool *p = container_of(t, struct pg_pool, dispatch);
        usec_t now = pg_pool_now(p);

        for (size_t l = 0; l < ARRAY_SIZE(p->lines); l++) {
                struct pg_line *line = &p->lines[l];

                if (p->state == PG_SCHEMA_TOO_NEW)
                        pg_line_refuse(line, -EPROTONOSUPPORT);
                pg_line_dispatch(line, now);
                pg_line_grow(p, line, now, false);
        }
        pg_line_grow(p, &p->lines[PG_LANE_READ], now, p->wanted);
}

/* ---- what connections tell ---- */

static void on_unused(struct loop_timer *t)
{
        struct pg_conn *c = container_of(t, struct pg_conn, timer);

        pg_conn_lose(c, -ECANCELED, "");
}

static void on_conn_vacant(struct pg_conn *c)
{
        struct pg_line *line = &c->pool->lines[c->lane];

        if (!list_is_empty(&line->waiting))
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
                        pg_pool_hold_back(p);
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
        pg_line_enqueue(q);
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
        if (pool->lines[lane].n_waiting >= pool->waiting_max)
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
        pg_line_enqueue(q);
        return 0;
}

void pg_query_cancel(struct pg_query *q)
{
        switch (q->state) {
        case PG_QUERY_WAITING:
                q->pool->lines[q->lane].n_waiting--;
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
        for (size_t l = 0; l < ARRAY_SIZE(p->lines); l++)
                list_init(&p->lines[l].waiting);
        for (size_t l = 0; l < ARRAY_SIZE(p->lines); l++) {
                r = pg_line_init(p, (enum pg_lane)l, conf, application_name, &conn_handler);
                if (r < 0)
                        return r;
        }
        r = loop_task_init(&p->dispatch, loop, on_dispatch);
        if (r < 0)
                return r;
        r = loop_task_init(&p->tell, loop, on_tell);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(p);
        return 0;
}

struct pg_pool *pg_pool_free(struct pg_pool *p)
{
        if (!p)
                return NULL;
        p->closing = true;
        /* All lanes end before one is taken apart: a completion may cancel a job in another. */
        for (size_t l = 0; l < ARRAY_SIZE(p->lines); l++)
                pg_line_end(&p->lines[l]);
        for (size_t l = 0; l < ARRAY_SIZE(p->lines); l++)
                pg_line_done(&p->lines[l]);
        loop_task_done(&p->dispatch);
        loop_task_done(&p->tell);
        loop_timer_done(&p->reconnect);
        loop_timer_done(&p->deadlines);
        sd_event_unref(p->loop);
        free(p);
        return NULL;
}

void pg_pool_warm(struct pg_pool *p)
{
        p->wanted = true;
        pg_line_grow(p, &p->lines[PG_LANE_READ], pg_pool_now(p), true);
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
        for (size_t l = 0; l < ARRAY_SIZE(p->lines); l++) {
                ret->n_waiting += p->lines[l].n_waiting;
                for (unsigned i = 0; i < p->lines[l].n_conns; i++) {
                        const struct pg_conn *c = &p->lines[l].conns[i];

                        ret->n_in_flight += c->n_jobs;
                        ret->n_connected += c->state == PG_CONN_READY || c->state == PG_CONN_LENT;
                }
        }
}
