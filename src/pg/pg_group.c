/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */
#include "pg/pg_group.h"

#include <errno.h>

#include "base/alloc.h"

#define GROUP_BYTES_MAX (1024 * 1024) /* of items: the one that passes it is the group's last */
/* Members that wait for their group; what comes beyond is told to try again. */
#define WAITING_MAX 10000
/* A look at the deadlines costs a walk over all who wait. */
#define DEADLINE_STEP (50 * USEC_PER_MSEC)

struct group {
        struct pg_group_line *line;
        struct pg_query query;
        struct list_link link;                   /* in `running` */
        struct pg_member *members[PG_GROUP_MAX]; /* borrowed; NULL: cancelled, or called */
        size_t n_members;
};

struct pg_group_line {
        sd_event *loop;
        struct pg_pool *pool; /* borrowed, as the next two */
        const struct pg_group_role *role;
        void *context;
        struct loop_task dispatch;
        struct loop_timer expire;
        usec_t expire_usec;  /* when it fires */
        struct list waiting; /* of members */
        struct list running; /* of groups, owned */
        size_t n_waiting, n_running;
};

/* ---- Members ---- */

static void enqueue(struct pg_member *m, struct list_link *before)
{
        list_insert_before(before, &m->link);
        m->line->n_waiting++;
}

static void unlist(struct pg_member *m)
{
        if (!list_is_linked(&m->link))
                return;
        list_remove(&m->link);
        m->line->n_waiting--;
}

static struct pg_member *take(struct group *g, size_t i)
{
        struct pg_member *m = TAKE_PTR(g->members[i]);

        if (m)
                m->place = NULL;
        return m;
}

/* Its statement, if any, is not what ends it. */
static void end_member(struct pg_member *m, int status, bool was_sent)
{
        const struct pg_query q = {.status = status, .was_sent = was_sent};

        m->complete(m, &q, 0);
}

/* ---- Answers ---- */

static struct group *group_free(struct group *g)
{
        list_remove(&g->link);
        g->line->n_running--;
        pg_query_done(&g->query);
        for (size_t i = 0; i < g->n_members; i++)
                (void)take(g, i);
        free(g);
        return NULL;
}

static void answer(struct group *g)
{
        struct pg_member *m;

        for (size_t i = 0; i < g->n_members; i++)
                if ((m = take(g, i)))
                        m->complete(m, &g->query, i);
}

/* Each goes alone, before whoever came later. */
static void try_singly(struct group *g)
{
        struct list_link *before = g->line->waiting.head.next;
        struct pg_member *m;

        for (size_t i = 0; i < g->n_members; i++)
                if ((m = take(g, i))) {
                        m->is_alone = true;
                        enqueue(m, before);
                }
}

static void on_group_done(struct pg_query *q)
{
        struct group *g = container_of(q, struct group, query);
        struct pg_group_line *l = g->line;

        if (q->status == 0 && pg_query_rows(q) != g->n_members)
                q->status = -EIO;
        if (l->role->ended)
                l->role->ended(l->context, q);
        if (q->status == -EIO && g->n_members > 1 && !pg_sqlstate_is_passing(q->sqlstate))
                try_singly(g);
        else
                answer(g);
        group_free(g);
        loop_task_schedule(&l->dispatch);
}

/* ---- Groups ---- */

static void fill(struct group *g, struct buf *items)
{
        struct list_link *i;
        bool is_alone = false;

        buf_append_char(items, '[');
        while (g->n_members < ARRAY_SIZE(g->members) && !is_alone && buf_size(items) < GROUP_BYTES_MAX &&
               (i = list_first(&g->line->waiting))) {
                struct pg_member *m = LIST_ENTRY(i, struct pg_member, link);

                is_alone = m->is_alone;
                if (g->n_members > 0) {
                        if (is_alone)
                                break;
                        buf_append_char(items, ',');
                }
                unlist(m);
                m->place = &g->members[g->n_members];
                g->members[g->n_members++] = m;
                g->line->role->write(m, items);
        }
        buf_append_char(items, ']');
}

/* Its members have deadlines of their own, so the group may have the latest. */
static usec_t latest_deadline(const struct group *g)
{
        usec_t latest = 0;

        for (size_t i = 0; i < g->n_members; i++)
                latest = MAX_OF(latest, g->members[i]->deadline_usec);
        return latest;
}

static int submit(struct group *g, const struct buf *items)
{
        const struct pg_group_line *l = g->line;

        if (buf_error(items) < 0)
                return -ENOMEM;
        pg_query_init(&g->query, &l->role->statement, on_group_done);
        pg_query_text_n(&g->query, buf_bytes(items), buf_size(items));
        if (l->role->add_parameters)
                l->role->add_parameters(l->context, &g->query);
        return pg_query_submit(&g->query, l->pool, PG_LANE_WRITE, latest_deadline(g));
}

/* Fails the group when it cannot be sent; -ENOMEM: there is none. */
static int send_group(struct pg_group_line *l)
{
        _cleanup_(buf_done) struct buf items = BUF_EMPTY;
        struct group *g = new0(struct group, 1);

        if (!g)
                return -ENOMEM;
        g->line = l;
        list_append(&l->running, &g->link);
        l->n_running++;
        fill(g, &items);
        g->query.status = submit(g, &items);
        if (g->query.status < 0) {
                answer(g);
                group_free(g);
        }
        return 0;
}

static void on_turn_end(struct loop_task *t)
{
        struct pg_group_line *l = container_of(t, struct pg_group_line, dispatch);
        int r = 0;

        while (r == 0 && l->n_running < l->role->running_max && !list_is_empty(&l->waiting))
                r = send_group(l);
        while (r < 0 && !list_is_empty(&l->waiting)) {
                struct pg_member *m = LIST_ENTRY(list_first(&l->waiting), struct pg_member, link);

                unlist(m);
                end_member(m, r, false);
        }
}

/* ---- Deadlines ---- */

static void arm(struct pg_group_line *l, usec_t deadline_usec);

/* A call may cancel others, but ends no group. */
static void expire_running(struct pg_group_line *l, usec_t now, usec_t *next)
{
        LIST_FOREACH (link, &l->running) {
                struct group *g = LIST_ENTRY(link, struct group, link);

                for (size_t i = 0; i < g->n_members; i++) {
                        if (!g->members[i])
                                continue;
                        if (g->members[i]->deadline_usec <= now)
                                end_member(take(g, i), -ETIMEDOUT, g->query.was_sent);
                        else
                                *next = MIN_OF(*next, g->members[i]->deadline_usec);
                }
        }
}

static void expire_waiting(struct pg_group_line *l, usec_t now, usec_t *next)
{
        struct list expired;
        struct list_link *first;

        list_init(&expired);
        LIST_FOREACH_SAFE (i, &l->waiting) {
                struct pg_member *m = LIST_ENTRY(i, struct pg_member, link);

                if (m->deadline_usec > now) {
                        *next = MIN_OF(*next, m->deadline_usec);
                        continue;
                }
                list_remove(i);
                list_append(&expired, i);
        }
        while ((first = list_first(&expired))) {
                struct pg_member *m = LIST_ENTRY(first, struct pg_member, link);

                unlist(m);
                end_member(m, -ETIMEDOUT, false);
        }
}

static void on_expire(struct loop_timer *t)
{
        struct pg_group_line *l = container_of(t, struct pg_group_line, expire);
        usec_t now = clock_monotonic_usec(), next = USEC_INFINITY;

        l->expire_usec = USEC_INFINITY;
        expire_running(l, now, &next);
        expire_waiting(l, now, &next);
        arm(l, next);
}

static void arm(struct pg_group_line *l, usec_t deadline_usec)
{
        usec_t now = clock_monotonic_usec(), at = MAX_OF(deadline_usec, usec_add(now, DEADLINE_STEP));

        if (at >= l->expire_usec)
                return;
        if (loop_timer_start(&l->expire, l->loop, at - now, on_expire) == 0)
                l->expire_usec = at;
}

/* ---- Doors ---- */

int pg_member_submit(struct pg_member *m, struct pg_group_line *l, usec_t deadline_usec,
                     pg_member_fn complete)
{
        if (l->n_waiting >= WAITING_MAX)
                return -EBUSY;
        *m = (struct pg_member){.complete = complete, .line = l, .deadline_usec = deadline_usec};
        enqueue(m, &l->waiting.head);
        arm(l, deadline_usec);
        loop_task_schedule(&l->dispatch);
        return 0;
}

void pg_member_cancel(struct pg_member *m)
{
        unlist(m);
        if (m->place)
                *m->place = NULL;
        m->place = NULL;
}

/* ---- Life ---- */

int pg_group_line_new(struct pg_group_line **ret, sd_event *loop, struct pg_pool *pool,
                      const struct pg_group_role *role, void *context)
{
        struct pg_group_line *l = new0(struct pg_group_line, 1);
        int r;

        if (!l)
                return -ENOMEM;
        l->loop = loop;
        l->pool = pool;
        l->role = role;
        l->context = context;
        l->expire_usec = USEC_INFINITY;
        list_init(&l->waiting);
        list_init(&l->running);
        r = loop_task_init(&l->dispatch, loop, on_turn_end);
        if (r < 0) {
                free(l);
                return r;
        }
        *ret = l;
        return 0;
}

struct pg_group_line *pg_group_line_free(struct pg_group_line *l)
{
        if (!l)
                return NULL;
        LIST_FOREACH_SAFE (i, &l->waiting)
                pg_member_cancel(LIST_ENTRY(i, struct pg_member, link));
        LIST_FOREACH_SAFE (i, &l->running)
                group_free(LIST_ENTRY(i, struct group, link));
        loop_timer_done(&l->expire);
        loop_task_done(&l->dispatch);
        free(l);
        return NULL;
}

size_t pg_group_line_waiting(const struct pg_group_line *l)
{
        return l->n_waiting;
}

bool pg_group_line_is_idle(const struct pg_group_line *l)
{
        return l->n_waiting == 0 && l->n_running == 0;
}
