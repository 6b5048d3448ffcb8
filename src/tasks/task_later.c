/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */

/* What waits for its time: looked for when the nearest is due, and now and then, since other workers of the
 * queue and other hosts put things there, too.  A due message is published by one of them; if that one dies,
 * by another after the lease. */

#include <errno.h>

#include "base/alloc.h"
#include "base/parse.h"
#include "contract/names.h"
#include "service/log.h"
#include "tasks/task_internal.h"

#define DUE_MAX 100
#define LEASE_SEC 60
#define LOOK_MIN (10 * USEC_PER_MSEC)
#define LOOK_MAX (15 * USEC_PER_SEC)
#define LOOK_TIMEOUT (10 * USEC_PER_SEC)
/* The bell says that something came, not what: under load it rings for each message of the queue. */
#define RING_INTERVAL (100 * USEC_PER_MSEC)
/* With the broker or the database away. */
#define AGAIN (2 * USEC_PER_SEC)
/* The daemon stays for what is due so soon: the sweep, which would wake it, comes once a minute. */
#define STAY (2 * 60 * USEC_PER_SEC)

struct due_letter {
        struct list_link link;
        struct task_later *later;
        struct mq_publish publish;
        struct pg_query query;
        struct task_letter letter;
        char *id, *due;
};

struct task_later {
        struct task_worker *worker; /* borrowed */
        struct pg_query look;
        struct loop_timer timer, ring_timer;
        usec_t looked_usec;  /* when the last look began */
        struct list letters; /* of due_letter, owned */
        bool is_looking, look_again, is_held, is_draining;
};

static struct service *service_of(const struct task_later *l)
{
        return l->worker->setup.service;
}

static void hold(struct task_later *l, bool wanted)
{
        if (wanted == l->is_held)
                return;
        l->is_held = wanted;
        if (wanted)
                service_hold(service_of(l));
        else
                service_release(service_of(l));
}

static void letter_free(struct due_letter *d)
{
        pg_query_done(&d->query);
        mq_publish_cancel(&d->publish);
        task_letter_done(&d->letter);
        list_remove(&d->link);
        free(d->id);
        free(d->due);
        free(d);
}

static void on_timer(struct loop_timer *t)
{
        task_later_poke(container_of(t, struct task_later, timer));
}

static void look_in(struct task_later *l, usec_t delay)
{
        if (!l->is_draining)
                (void)loop_timer_start(&l->timer, service_loop(service_of(l)), delay, on_timer);
}

static void on_told(struct pg_query *q)
{
        letter_free(container_of(q, struct due_letter, query));
}

/* Whether it went or not, the row hears of it; a row that does not is published again after the lease, and
 * the ledger of tasks sorts that out. */
static void on_published(struct mq_publish *p)
{
        struct due_letter *d = container_of(p, struct due_letter, publish);

        if (p->status < 0)
                look_in(d->later, AGAIN);
        task_store_sent(&d->query, d->id, d->due, p->status == 0, on_told);
        if (pg_query_submit(&d->query, d->later->worker->setup.pool, PG_LANE_WRITE,
                            usec_add(clock_monotonic_usec(), LOOK_TIMEOUT)) < 0)
                letter_free(d);
}

static int publish(struct task_later *l, const struct pg_query *q, size_t row)
{
        struct due_letter *d = new0(struct due_letter, 1);
        struct task_post post;
        int r;

        if (!d)
                return -ENOMEM;
        d->later = l;
        list_append(&l->letters, &d->link);
        r = strdup_to(&d->id, pg_row_text(q, row, TASK_DUE_ID));
        if (r >= 0)
                r = strdup_to(&d->due, pg_row_text(q, row, TASK_DUE_AT));
        if (r >= 0)
                r = task_letter_decode(pg_row_text(q, row, TASK_DUE_MESSAGE),
                                       pg_row_size(q, row, TASK_DUE_MESSAGE), &d->letter);
        if (r >= 0) {
                task_letter_post(&d->letter, l->worker->setup.queue, NULL, &post);
                r = mq_publish_submit(&d->publish, l->worker->setup.link, &post.message,
                                      usec_add(clock_monotonic_usec(), LOOK_TIMEOUT), on_published);
        }
        if (r < 0)
                letter_free(d);
        return r;
}

static void on_looked(struct pg_query *q)
{
        struct task_later *l = container_of(q, struct task_later, look);
        size_t n = pg_query_rows(q), last = n - 1;
        usec_t wait = LOOK_MAX;
        int r = q->status;

        l->is_looking = false;
        if (r < 0 || n == 0) {
                /* nothing is known: what we held for is as near as before */
                pg_query_done(q);
                look_in(l, AGAIN);
                return;
        }
        for (size_t i = 0; r >= 0 && i < last; i++)
                r = publish(l, q, i);
        if (r < 0)
                log_debug_errno(r, "Tasks that are due cannot be published: %m");
        if (!pg_row_is_null(q, last, TASK_DUE_WAIT_MS))
                wait = (usec_t)MAX_OF(pg_row_int(q, last, TASK_DUE_WAIT_MS), (int64_t)0) * USEC_PER_MSEC;
        hold(l, !l->is_draining && !pg_row_is_null(q, last, TASK_DUE_WAIT_MS) && wait < STAY);
        pg_query_done(q);
        if (l->look_again)
                task_later_poke(l);
        else
                look_in(l, wait < LOOK_MIN ? LOOK_MIN : MIN_OF(wait, LOOK_MAX));
}

void task_later_poke(struct task_later *l)
{
        if (l->is_draining)
                return;
        l->look_again = l->is_looking;
        if (l->is_looking)
                return;
        if (!mq_link_can_publish(l->worker->setup.link)) {
                look_in(l, AGAIN);
                return;
        }
        task_store_due(&l->look, l->worker->setup.queue, DUE_MAX, LEASE_SEC, on_looked);
        if (pg_query_submit(&l->look, l->worker->setup.pool, PG_LANE_WRITE,
                            usec_add(clock_monotonic_usec(), LOOK_TIMEOUT)) < 0) {
                pg_query_done(&l->look);
                look_in(l, AGAIN);
                return;
        }
        l->is_looking = true;
        l->looked_usec = clock_monotonic_usec();
}

static void on_ring_timer(struct loop_timer *t)
{
        task_later_poke(container_of(t, struct task_later, ring_timer));
}

void task_later_ring(struct task_later *l)
{
        usec_t now = clock_monotonic_usec(), next = usec_add(l->looked_usec, RING_INTERVAL);

        if (!l->is_draining && !loop_timer_is_armed(&l->ring_timer))
                (void)loop_timer_start(&l->ring_timer, service_loop(service_of(l)),
                                       now < next ? next - now : 0, on_ring_timer);
}

void task_later_drain(struct task_later *l)
{
        l->is_draining = true;
        loop_timer_stop(&l->timer);
        loop_timer_stop(&l->ring_timer);
        hold(l, false);
}

int task_later_new(struct task_later **ret, struct task_worker *w)
{
        struct task_later *l = new0(struct task_later, 1);

        if (!l)
                return -ENOMEM;
        l->worker = w;
        list_init(&l->letters);
        *ret = l;
        look_in(l, 0);
        return 0;
}

struct task_later *task_later_free(struct task_later *l)
{
        if (!l)
                return NULL;
        LIST_FOREACH_SAFE (i, &l->letters)
                letter_free(LIST_ENTRY(i, struct due_letter, link));
        pg_query_done(&l->look);
        loop_timer_done(&l->timer);
        loop_timer_done(&l->ring_timer);
        hold(l, false);
        free(l);
        return NULL;
}
