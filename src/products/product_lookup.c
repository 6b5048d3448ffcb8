/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */

#include <errno.h>

#include "base/alloc.h"
#include "base/str.h"
#include "products/product_lookup.h"
#include "products/product_store.h"

/* Look-ups that wait for the turn's end; the HTTP server bounds its requests lower. */
#define WAITING_MAX 100000

struct batch {
        struct pg_query query;
        struct list_link link;                         /* in the look-up's `running` */
        struct product_find *finds[PRODUCT_FIND_MANY]; /* borrowed; NULL: cancelled, or answered */
        size_t n_finds;
};

struct product_lookup {
        struct pg_pool *pool; /* borrowed */
        struct loop_task dispatch;
        struct list waiting; /* of finds */
        struct list running; /* of batches, owned */
        size_t n_waiting;
        struct product_lookup_metrics metrics;
};

static struct batch *batch_free(struct batch *b)
{
        list_remove(&b->link);
        pg_query_done(&b->query);
        for (size_t i = 0; i < b->n_finds; i++)
                if (b->finds[i])
                        b->finds[i]->place = NULL;
        free(b);
        return NULL;
}

static struct product_find *take(struct batch *b, size_t i)
{
        struct product_find *f = TAKE_PTR(b->finds[i]);

        if (f)
                f->place = NULL;
        return f;
}

/* ---- The answer ---- */

/* Each find meets its row; two may ask for the same. */
static void answer_one(struct product_find *f, const struct pg_query *q)
{
        size_t n = pg_query_rows(q);

        for (size_t row = 0; row < n; row++)
                if (streq(product_store_row_code(q, row), f->code)) {
                        f->complete(f, 0, q, row);
                        return;
                }
        f->complete(f, 0, NULL, 0);
}

static void on_found(struct pg_query *q)
{
        struct batch *b = container_of(q, struct batch, query);
        struct product_find *f;

        for (size_t i = 0; i < b->n_finds; i++) {
                f = take(b, i);
                if (f && q->status < 0)
                        f->complete(f, q->status, NULL, 0);
                else if (f)
                        answer_one(f, q);
        }
        batch_free(b);
}

/* ---- The question ---- */

static void fill(struct batch *b, struct product_lookup *l)
{
        struct list_link *link;

        while (b->n_finds < ARRAY_SIZE(b->finds) && (link = list_first(&l->waiting))) {
                struct product_find *f = LIST_ENTRY(link, struct product_find, link);

                list_remove(link);
                l->n_waiting--;
                b->finds[b->n_finds] = f;
                f->place = &b->finds[b->n_finds++];
        }
}

static int send_batch(struct product_lookup *l)
{
        struct batch *b = new0(struct batch, 1);
        const char *codes[PRODUCT_FIND_MANY];
        int r;

        if (!b)
                return -ENOMEM;
        fill(b, l);
        for (size_t i = 0; i < b->n_finds; i++)
                codes[i] = b->finds[i]->code;
        list_append(&l->running, &b->link);
        product_store_find(&b->query, codes, b->n_finds, on_found);
        l->metrics.n_statements++;
        /* They came in one turn: the first deadline is as good as any. */
        r = pg_query_submit(&b->query, l->pool, PG_LANE_READ, b->finds[0]->deadline_usec);
        if (r < 0) {
                b->query.status = r;
                on_found(&b->query);
        }
        return 0;
}

static void on_turn_end(struct loop_task *t)
{
        struct product_lookup *l = container_of(t, struct product_lookup, dispatch);
        struct list_link *link;
        int r = 0;

        while (r == 0 && !list_is_empty(&l->waiting))
                r = send_batch(l);
        while (r < 0 && (link = list_first(&l->waiting))) {
                struct product_find *f = LIST_ENTRY(link, struct product_find, link);

                list_remove(link);
                l->n_waiting--;
                f->complete(f, r, NULL, 0);
        }
}

int product_find_submit(struct product_find *f, struct product_lookup *l, const char *code,
                        usec_t deadline_usec,
                        void (*complete)(struct product_find *f, int status, const struct pg_query *q,
                                         size_t row))
{
        if (l->n_waiting == WAITING_MAX)
                return -EBUSY;
        *f = (struct product_find){
                .complete = complete, .lookup = l, .code = code, .deadline_usec = deadline_usec};
        list_append(&l->waiting, &f->link);
        l->n_waiting++;
        l->metrics.n_finds++;
        loop_task_schedule(&l->dispatch);
        return 0;
}

void product_find_cancel(struct product_find *f)
{
        if (list_is_linked(&f->link)) {
                list_remove(&f->link);
                f->lookup->n_waiting--;
        }
        if (f->place)
                *f->place = NULL;
        f->place = NULL;
}

/* ---- Life ---- */

int product_lookup_new(struct product_lookup **ret, sd_event *loop, struct pg_pool *pool)
{
        struct product_lookup *l = new0(struct product_lookup, 1);
        int r;

        if (!l)
                return -ENOMEM;
        l->pool = pool;
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

struct product_lookup *product_lookup_free(struct product_lookup *l)
{
        if (!l)
                return NULL;
        LIST_FOREACH_SAFE (i, &l->waiting)
                list_remove(i);
        LIST_FOREACH_SAFE (i, &l->running)
                batch_free(LIST_ENTRY(i, struct batch, link));
        loop_task_done(&l->dispatch);
        free(l);
        return NULL;
}

void product_lookup_metrics(const struct product_lookup *l, struct product_lookup_metrics *ret)
{
        *ret = l->metrics;
}
