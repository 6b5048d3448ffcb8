/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */
#include "pg/pg_group.h"

#include <errno.h>

#include "base/alloc.h"

/* While one commits the next is computed by the server; more would only be smaller. */
#define GROUPS_RUNNING_MAX 2
/* Members that wait for their group; what comes beyond is told to try again. */
#define WAITING_MAX 10000

struct group {
        struct pg_group_line *line;
        struct pg_query query;
        struct list_link link;                   /* in `running` */
        struct pg_member *members[PG_GROUP_MAX]; /* borrowed; NULL: cancelled, or called */
        size_t n_members;
};

struct pg_group_line {
        struct pg_pool *pool; /* borrowed, as the statement */
        const struct pg_statement *statement;
        struct loop_task dispatch;
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

int pg_member_submit(struct pg_member *m, struct pg_group_line *l, struct buf *item, usec_t deadline_usec,
                     pg_member_fn complete)
{
        int r = buf_error(item) < 0 ? -ENOMEM : l->n_waiting >= WAITING_MAX ? -EBUSY : 0;

        if (r < 0) {
                buf_done(item);
                return r;
        }
        buf_done(&m->item);
        *m = (struct pg_member){
                .complete = complete, .line = l, .item = *item, .deadline_usec = deadline_usec};
        *item = BUF_EMPTY;
        enqueue(m, &l->waiting.head);
        loop_task_schedule(&l->dispatch);
        return 0;
}

void pg_member_cancel(struct pg_member *m)
{
        unlist(m);
        if (m->place)
                *m->place = NULL;
        m->place = NULL;
        buf_done(&m->item);
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
        for (size_t i = 0; i < g->n_members; i++) {
                struct pg_member *m = take(g, i);

                if (!m)
                        continue;
                buf_done(&m->item);
                m->complete(m, &g->query, i);
        }
}

/* Each goes alone, before whoever came later. */
static void try_singly(struct group *g)
{
        struct list_link *before = g->line->waiting.head.next;

        for (size_t i = 0; i < g->n_members; i++) {
                struct pg_member *m = take(g, i);

                if (!m)
                        continue;
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
        if (q->status == -EIO && g->n_members > 1 && !pg_sqlstate_is_passing(q->sqlstate))
                try_singly(g);
        else
                answer(g);
        group_free(g);
        loop_task_schedule(&l->dispatch);
}

/* ---- Groups ---- */

static void fill(struct group *g)
{
        struct list_link *i;

        while (g->n_members < ARRAY_SIZE(g->members) && (i = list_first(&g->line->waiting))) {
                struct pg_member *m = LIST_ENTRY(i, struct pg_member, link);

                if (m->is_alone && g->n_members > 0)
                        return;
                unlist(m);
                m->place = &g->members[g->n_members];
                g->members[g->n_members++] = m;
                if (m->is_alone)
                        return;
        }
}

/* Returns the latest deadline: a statement ends no member before its time. */
static usec_t write_items(const struct group *g, struct buf *out)
{
        usec_t latest = 0;

        buf_append_char(out, '[');
        for (size_t i = 0; i < g->n_members; i++) {
                const struct pg_member *m = g->members[i];

                if (i > 0)
                        buf_append_char(out, ',');
                buf_append(out, buf_bytes(&m->item), buf_size(&m->item));
                latest = MAX_OF(latest, m->deadline_usec);
        }
        buf_append_char(out, ']');
        return latest;
}

/* Fails the group when it cannot be sent; -ENOMEM: there is none. */
static int send_group(struct pg_group_line *l)
{
        _cleanup_(buf_done) struct buf items = BUF_EMPTY;
        struct group *g = new0(struct group, 1);
        usec_t deadline_usec;
        int r;

        if (!g)
                return -ENOMEM;
        g->line = l;
        list_append(&l->running, &g->link);
        l->n_running++;
        fill(g);
        deadline_usec = write_items(g, &items);
        pg_query_init(&g->query, l->statement, on_group_done);
        r = buf_error(&items);
        if (r == 0) {
                pg_query_text_n(&g->query, buf_bytes(&items), buf_size(&items));
                r = pg_query_submit(&g->query, l->pool, PG_LANE_WRITE, deadline_usec);
        }
        if (r < 0) {
                g->query.status = r;
                answer(g);
                group_free(g);
        }
        return 0;
}

/* Without a server there is nothing to gather for: each waits for its own time then. */
static bool may_send(const struct pg_group_line *l)
{
        return !list_is_empty(&l->waiting) &&
               (l->n_running < GROUPS_RUNNING_MAX || pg_pool_state(l->pool) != PG_UP);
}

static void on_turn_end(struct loop_task *t)
{
        struct pg_group_line *l = container_of(t, struct pg_group_line, dispatch);
        const struct pg_query failed = {.status = -ENOMEM};
        int r = 0;

        while (r == 0 && may_send(l))
                r = send_group(l);
        while (r < 0 && !list_is_empty(&l->waiting)) {
                struct pg_member *m = LIST_ENTRY(list_first(&l->waiting), struct pg_member, link);

                unlist(m);
                buf_done(&m->item);
                m->complete(m, &failed, 0);
        }
}

/* ---- Life ---- */

int pg_group_line_new(struct pg_group_line **ret, sd_event *loop, struct pg_pool *pool,
                      const struct pg_statement *statement)
{
        struct pg_group_line *l = new0(struct pg_group_line, 1);
        int r;

        if (!l)
                return -ENOMEM;
        l->pool = pool;
        l->statement = statement;
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
        loop_task_done(&l->dispatch);
        free(l);
        return NULL;
}
