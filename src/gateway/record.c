/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */
#include "gateway/record.h"

#include <errno.h>

#include "base/alloc.h"
#include "gateway/record_store.h"
#include "service/log.h"

#define GROUP_BYTES_MAX (1024 * 1024) /* of messages: the add that passes it is the group's last */
/* Adds that wait for their group; what comes beyond is told to try again. */
#define WAITING_MAX 10000
/* A look at the deadlines costs a walk over all who wait. */
#define DEADLINE_STEP (50 * USEC_PER_MSEC)

struct group {
        struct records *records;
        struct pg_query query;
        struct record_add *adds[RECORD_GROUP_MAX]; /* borrowed; NULL: cancelled, or answered */
        size_t n_adds;
};

struct records {
        sd_event *loop;
        struct pg_pool *pool; /* borrowed, as the next two */
        struct event_relay *relay;
        const char *template;
        struct loop_task dispatch;
        struct loop_timer expire;
        usec_t expire_usec;    /* when it fires */
        struct list waiting;   /* of adds */
        struct group *running; /* owned; NULL: none */
        size_t n_waiting;
        struct records_metrics metrics;
};

const char *record_client_type(enum record_door door)
{
        static const char *const names[] = {
                [RECORD_REST] = "REST", [RECORD_GRPC] = "GRPC", [RECORD_AMQP] = "RabbitMQ"};

        return names[door];
}

/* ---- Answers ---- */

static void answer(struct record_add *a, const struct record_result *result)
{
        struct records_metrics *m = &a->records->metrics;

        if (result->status < 0)
                m->n_failed++;
        else if (result->outcome == RECORD_ADDED)
                m->n_added[a->door]++;
        else if (result->outcome == RECORD_REPLAYED)
                m->n_replayed++;
        a->complete(a, result);
}

static void answer_status(struct record_add *a, int status)
{
        answer(a, &(struct record_result){.status = status, .sqlstate = "", .error = ""});
}

static void unlist(struct record_add *a)
{
        if (!list_is_linked(&a->link))
                return;
        list_remove(&a->link);
        a->records->n_waiting--;
}

static struct record_add *take(struct group *g, size_t i)
{
        struct record_add *a = TAKE_PTR(g->adds[i]);

        if (a)
                a->place = NULL;
        return a;
}

static struct group *group_free(struct group *g)
{
        g->records->running = NULL;
        pg_query_done(&g->query);
        for (size_t i = 0; i < g->n_adds; i++)
                (void)take(g, i);
        free(g);
        return NULL;
}

static void answer_rows(struct group *g)
{
        struct record_result result;
        struct record_add *a;

        for (size_t i = 0; i < g->n_adds; i++)
                if ((a = take(g, i))) {
                        record_store_read_added(&g->query, i, &result);
                        answer(a, &result);
                }
}

/* Each goes alone, before whoever came later. */
static void try_singly(struct group *g)
{
        struct list_link *before = g->records->waiting.head.next;
        struct record_add *a;

        for (size_t i = 0; i < g->n_adds; i++)
                if ((a = take(g, i))) {
                        a->is_alone = true;
                        list_insert_before(before, &a->link);
                        g->records->n_waiting++;
                }
}

static void answer_failure(struct group *g)
{
        const struct pg_query *q = &g->query;
        struct record_result result = {.status = q->status, .sqlstate = q->sqlstate, .error = q->error};
        struct record_add *a;

        /* Sent but unanswered: nobody here knows whether it was committed. */
        if (q->was_sent && (q->status == -ETIMEDOUT || q->status == -ECANCELED))
                result.status = -ECONNRESET;
        for (size_t i = 0; i < g->n_adds; i++)
                if ((a = take(g, i)))
                        answer(a, &result);
}

static void on_group_done(struct pg_query *q)
{
        struct group *g = container_of(q, struct group, query);
        struct records *s = g->records;

        if (q->status == 0 && pg_query_rows(q) != g->n_adds)
                q->status = -EIO;
        if (q->status == 0) {
                event_relay_poke(s->relay);
                answer_rows(g);
        } else {
                s->metrics.n_groups_failed++;
                log_debug("A group of %zu records failed: %s %s", g->n_adds, q->sqlstate, q->error);
                if (q->status == -EIO && g->n_adds > 1 && !pg_sqlstate_is_passing(q->sqlstate))
                        try_singly(g);
                else
                        answer_failure(g);
        }
        group_free(g);
        loop_task_schedule(&s->dispatch);
}

/* ---- Groups ---- */

static void fill(struct group *g)
{
        struct list_link *i;
        size_t n_bytes = 0;

        while (g->n_adds < ARRAY_SIZE(g->adds) && n_bytes < GROUP_BYTES_MAX &&
               (i = list_first(&g->records->waiting))) {
                struct record_add *a = LIST_ENTRY(i, struct record_add, link);

                if (a->is_alone && g->n_adds > 0)
                        return;
                unlist(a);
                n_bytes += a->message_size;
                g->adds[g->n_adds] = a;
                a->place = &g->adds[g->n_adds++];
                if (a->is_alone)
                        return;
        }
}

/* Its members have deadlines of their own, so the group may have the latest. */
static usec_t latest_deadline(const struct group *g)
{
        usec_t latest = 0;

        for (size_t i = 0; i < g->n_adds; i++)
                latest = MAX_OF(latest, g->adds[i]->deadline_usec);
        return latest;
}

static int send_group(struct records *s)
{
        struct group *g = new0(struct group, 1);
        int r;

        if (!g)
                return -ENOMEM;
        g->records = s;
        s->running = g;
        fill(g);
        s->metrics.n_groups++;
        record_store_add(&g->query, g->adds, g->n_adds, s->template, on_group_done);
        r = pg_query_submit(&g->query, s->pool, PG_LANE_WRITE, latest_deadline(g));
        if (r < 0) {
                g->query.status = r;
                answer_failure(g);
                group_free(g);
        }
        return 0;
}

/* One group is under way at a time. The lock lets in no second one, and it might be the first to get it:
 * totals would not be in the order of submission. What comes meanwhile makes the next group the larger. */
static void on_turn_end(struct loop_task *t)
{
        struct records *s = container_of(t, struct records, dispatch);
        int r = 0;

        while (r == 0 && !s->running && !list_is_empty(&s->waiting))
                r = send_group(s);
        while (r < 0 && !list_is_empty(&s->waiting)) {
                struct record_add *a = LIST_ENTRY(list_first(&s->waiting), struct record_add, link);

                unlist(a);
                answer_status(a, r);
        }
}

/* ---- Deadlines ---- */

static void arm(struct records *s, usec_t deadline_usec);

static void expire_running(struct records *s, usec_t now, usec_t *next)
{
        struct group *g = s->running;

        for (size_t i = 0; g && i < g->n_adds; i++) {
                if (!g->adds[i])
                        continue;
                if (g->adds[i]->deadline_usec <= now)
                        answer_status(take(g, i), g->query.was_sent ? -ECONNRESET : -ETIMEDOUT);
                else
                        *next = MIN_OF(*next, g->adds[i]->deadline_usec);
        }
}

static void expire_waiting(struct records *s, usec_t now, usec_t *next)
{
        struct list expired;
        struct list_link *first;

        list_init(&expired);
        LIST_FOREACH_SAFE (i, &s->waiting) {
                struct record_add *a = LIST_ENTRY(i, struct record_add, link);

                if (a->deadline_usec > now) {
                        *next = MIN_OF(*next, a->deadline_usec);
                        continue;
                }
                list_remove(i);
                list_append(&expired, i);
        }
        /* An answer may cancel others. */
        while ((first = list_first(&expired))) {
                struct record_add *a = LIST_ENTRY(first, struct record_add, link);

                unlist(a);
                answer_status(a, -ETIMEDOUT);
        }
}

static void on_expire(struct loop_timer *t)
{
        struct records *s = container_of(t, struct records, expire);
        usec_t now = clock_monotonic_usec(), next = USEC_INFINITY;

        s->expire_usec = USEC_INFINITY;
        expire_running(s, now, &next);
        expire_waiting(s, now, &next);
        if (next != USEC_INFINITY)
                arm(s, next);
}

static void arm(struct records *s, usec_t deadline_usec)
{
        usec_t now = clock_monotonic_usec(), at = MAX_OF(deadline_usec, usec_add(now, DEADLINE_STEP));

        if (at >= s->expire_usec)
                return;
        if (loop_timer_start(&s->expire, s->loop, at - now, on_expire) == 0)
                s->expire_usec = at;
}

/* ---- Doors ---- */

int record_add_submit(struct record_add *a, struct records *s)
{
        if (s->n_waiting >= WAITING_MAX)
                return -EBUSY;
        a->records = s;
        a->is_alone = false;
        if (a->key)
                web_write_hash("record.add", a->message, a->message_size, a->hash);
        list_append(&s->waiting, &a->link);
        s->n_waiting++;
        arm(s, a->deadline_usec);
        loop_task_schedule(&s->dispatch);
        return 0;
}

void record_add_cancel(struct record_add *a)
{
        unlist(a);
        if (a->place)
                *a->place = NULL;
        a->place = NULL;
}

/* ---- Life ---- */

int records_new(struct records **ret, sd_event *loop, struct pg_pool *pool, struct event_relay *relay,
                const char *template)
{
        struct records *s = new0(struct records, 1);
        int r;

        if (!s)
                return -ENOMEM;
        s->loop = loop;
        s->pool = pool;
        s->relay = relay;
        s->template = template;
        s->expire_usec = USEC_INFINITY;
        list_init(&s->waiting);
        r = loop_task_init(&s->dispatch, loop, on_turn_end);
        if (r < 0) {
                free(s);
                return r;
        }
        *ret = s;
        return 0;
}

void records_set_template(struct records *s, const char *template)
{
        s->template = template;
}

struct records *records_free(struct records *s)
{
        if (!s)
                return NULL;
        LIST_FOREACH_SAFE (i, &s->waiting)
                unlist(LIST_ENTRY(i, struct record_add, link));
        if (s->running)
                group_free(s->running);
        loop_timer_done(&s->expire);
        loop_task_done(&s->dispatch);
        free(s);
        return NULL;
}

void records_metrics(const struct records *s, struct records_metrics *ret)
{
        *ret = s->metrics;
        ret->n_waiting = s->n_waiting;
}
