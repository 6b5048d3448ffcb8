/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */
#include "mq/mq_publish.h"

#include <errno.h>

#include "base/alloc.h"
#include "mq/mq_loop.h"

/* PublishWaitingMax counts messages; this bounds their memory when they are large. */
#define PENDING_BYTES_MAX ((size_t)64 * 1024 * 1024)
/* Deadlines are looked at no oftener than this: a look costs as much as there are publishes. */
#define DEADLINE_GRAIN (10 * USEC_PER_MSEC)

/* The operation has its answer. */
static void finish(struct mq_publish *p, int status)
{
        struct mq_link *l = p->owner;

        list_remove(&p->link);
        p->owner = NULL;
        p->slot = NULL;
        p->status = status;
        if (status == 0)
                l->metrics.n_confirmed++;
        else
                l->metrics.n_failed++;
        p->complete(p);
}

/* Nobody waits for the message any more; the thread may have it still. */
static void abandon(struct mq_publish *p)
{
        struct mq_conn *c = &p->owner->publisher->conn;
        struct mq_outgoing *o = p->slot;

        o->publish = NULL;
        pthread_mutex_lock(&c->lock);
        o->is_dropped = true;
        pthread_mutex_unlock(&c->lock);
}

static void on_deadline(struct loop_timer *t);

static void arm_deadline(struct mq_link *l, usec_t deadline_usec)
{
        usec_t now;

        if (deadline_usec >= l->next_deadline_usec)
                return;
        l->next_deadline_usec = deadline_usec;
        now = clock_monotonic_usec();
        (void)loop_timer_start(&l->deadline, l->loop,
                               MAX_OF(deadline_usec > now ? deadline_usec - now : 0, DEADLINE_GRAIN),
                               on_deadline);
}

static void on_deadline(struct loop_timer *t)
{
        struct mq_link *l = container_of(t, struct mq_link, deadline);
        usec_t now = clock_monotonic_usec(), next = USEC_INFINITY;
        struct list_link *i;
        struct list expired;

        /* first sort out, then call: a call-back may submit and cancel */
        list_init(&expired);
        LIST_FOREACH_SAFE (j, &l->publishes) {
                struct mq_publish *p = LIST_ENTRY(j, struct mq_publish, link);

                if (p->deadline_usec > now) {
                        next = MIN_OF(next, p->deadline_usec);
                        continue;
                }
                list_remove(j);
                list_append(&expired, j);
        }
        l->next_deadline_usec = USEC_INFINITY;
        if (next != USEC_INFINITY)
                arm_deadline(l, next);
        while ((i = list_first(&expired))) {
                struct mq_publish *p = LIST_ENTRY(i, struct mq_publish, link);

                abandon(p);
                finish(p, -ETIMEDOUT);
        }
}

/* 0, or -ENOTCONN: then the message stays the caller's. */
static int enqueue(struct mq_publisher *publisher, struct mq_outgoing *o)
{
        struct mq_conn *c = &publisher->conn;
        int r = -ENOTCONN;

        pthread_mutex_lock(&c->lock);
        if (c->is_up && !c->is_blocked) {
                list_append(&publisher->waiting, &o->link);
                mq_conn_kick(c);
                r = 0;
        }
        pthread_mutex_unlock(&c->lock);
        return r;
}

int mq_publish_submit(struct mq_publish *p, struct mq_link *l, const struct mq_message *m,
                      usec_t deadline_usec, mq_publish_fn complete)
{
        _cleanup_free_ struct mq_outgoing *o = NULL;
        int r;

        if (l->is_closing)
                return -ENOTCONN;
        if (l->n_pending >= l->waiting_max + l->unconfirmed_max || l->pending_bytes >= PENDING_BYTES_MAX)
                return -EBUSY;
        r = mq_outgoing_new(&o, m);
        if (r < 0)
                return r;
        o->publish = p;
        r = enqueue(l->publisher, o);
        if (r < 0)
                return r;

        *p = (struct mq_publish){.complete = complete, .owner = l, .slot = o, .deadline_usec = deadline_usec};
        list_append(&l->publishes, &p->link);
        if (l->n_pending++ == 0)
                l->pending_since_usec = clock_monotonic_usec();
        l->pending_bytes += o->size_bytes;
        l->metrics.n_published++;
        (void)TAKE_PTR(o);
        mq_link_watch_progress(l);
        if (deadline_usec != USEC_INFINITY)
                arm_deadline(l, deadline_usec);
        return 0;
}

void mq_publish_cancel(struct mq_publish *p)
{
        if (!p->owner)
                return;
        abandon(p);
        list_remove(&p->link);
        p->owner = NULL;
        p->slot = NULL;
}

static void move_all(struct list *from, struct list *to)
{
        LIST_FOREACH_SAFE (i, from) {
                list_remove(i);
                list_append(to, i);
        }
}

void mq_publish_collect(struct mq_link *l)
{
        struct mq_publisher *publisher = l->publisher;
        struct mq_conn *c = &publisher->conn;
        struct list_link *i;
        struct list done;

        list_init(&done);
        pthread_mutex_lock(&c->lock);
        c->has_told = false;
        move_all(&publisher->done, &done);
        l->publish_up = c->is_up && !c->is_blocked;
        l->publish_failed = c->has_failed;
        pthread_mutex_unlock(&c->lock);

        while ((i = list_first(&done))) {
                struct mq_outgoing *o = LIST_ENTRY(i, struct mq_outgoing, link);
                struct mq_publish *p = o->publish;
                int status = o->status;

                list_remove(i);
                l->n_pending--;
                l->pending_bytes -= o->size_bytes;
                free(o);
                if (p)
                        finish(p, status);
        }
}

void mq_publish_cancel_all(struct mq_link *l)
{
        struct list_link *i;

        while ((i = list_first(&l->publishes))) {
                struct mq_publish *p = LIST_ENTRY(i, struct mq_publish, link);

                abandon(p);
                finish(p, -ECANCELED);
        }
}
