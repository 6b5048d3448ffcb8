/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */
#include "mq/mq_consume.h"

#include <errno.h>
#include <stdio.h>

#include "base/alloc.h"
#include "mq/mq_loop.h"

/* Deliveries handed out before other sources get their turn. */
#define DELIVERIES_PER_TURN 128

static void settle(struct mq_consumer *c, uint64_t tag, unsigned generation, enum mq_settle_kind kind)
{
        struct mq_link *l = c->link;

        if (!l || c->no_ack)
                return;
        mq_receiver_settle(l->receiver, tag, generation, kind);
        mq_link_watch_progress(l);
        if (kind == MQ_SETTLE_ACK)
                l->metrics.n_acked++;
}

void mq_delivery_ack(struct mq_consumer *c, uint64_t tag, unsigned generation)
{
        settle(c, tag, generation, MQ_SETTLE_ACK);
}

void mq_delivery_reject(struct mq_consumer *c, uint64_t tag, unsigned generation, bool requeue)
{
        settle(c, tag, generation, requeue ? MQ_SETTLE_REQUEUE : MQ_SETTLE_REJECT);
}

/* Tells the thread what is wished now. */
static void wish(struct mq_link *l, const struct mq_consumer *c, bool is_wanted)
{
        struct mq_receiver *r = l->receiver;

        pthread_mutex_lock(&r->conn.lock);
        (void)snprintf(r->queue, sizeof(r->queue), "%s", c->queue);
        r->prefetch = c->prefetch;
        r->no_ack = c->no_ack;
        r->is_wanted = is_wanted;
        l->wish_epoch = ++r->epoch;
        mq_conn_kick(&r->conn);
        pthread_mutex_unlock(&r->conn.lock);
        l->wish_no_ack = c->no_ack;
}

int mq_consumer_start(struct mq_consumer *c, struct mq_link *l, const char *queue, unsigned prefetch,
                      bool no_ack)
{
        if (!l->receiver)
                return -EINVAL;
        if (l->consumer)
                return -EBUSY;
        if (strlen(queue) > 255)
                return -EINVAL;
        c->link = l;
        c->queue = queue;
        c->prefetch = prefetch;
        c->no_ack = no_ack;
        l->consumer = c;
        wish(l, c, true);
        return 0;
}

void mq_consumer_stop(struct mq_consumer *c)
{
        struct mq_link *l = c->link;

        if (!l || l->consumer != c)
                return;
        l->consumer = NULL;
        l->started_generation = 0;
        wish(l, c, false);
}

const char *mq_consumer_queue(const struct mq_consumer *c)
{
        const struct mq_link *l = c->link;

        return l && l->consumer == c && l->started_generation != 0 ? l->started_queue : "";
}

/* What was taken off a queue for nobody goes back. */
static void put_back(struct mq_link *l, const struct mq_delivery *d)
{
        if (!l->wish_no_ack)
                mq_receiver_settle(l->receiver, d->tag, d->generation, MQ_SETTLE_REQUEUE);
}

void mq_consume_discard_inbox(struct mq_link *l)
{
        LIST_FOREACH_SAFE (i, &l->inbox) {
                struct mq_incoming *in = LIST_ENTRY(i, struct mq_incoming, link);

                list_remove(i);
                put_back(l, &in->delivery);
                free(in);
        }
}

struct snapshot {
        unsigned generation, started_generation, started_epoch;
};

static struct snapshot take_news(struct mq_link *l)
{
        struct mq_receiver *r = l->receiver;
        struct snapshot s = {0};

        pthread_mutex_lock(&r->conn.lock);
        r->conn.has_told = false;
        l->consume_up = r->conn.is_up;
        l->consume_failed = r->conn.has_failed;
        if (r->conn.is_up) {
                s.generation = r->conn.generation;
                s.started_generation = r->started_generation;
                s.started_epoch = r->started_epoch;
        }
        /* only into an empty inbox: the bounds of the list are the bounds of all */
        if (list_is_empty(&l->inbox) && r->n_deliveries > 0) {
                LIST_FOREACH_SAFE (i, &r->deliveries) {
                        list_remove(i);
                        list_append(&l->inbox, i);
                }
                r->n_deliveries = r->n_delivery_bytes = 0;
                mq_conn_kick(&r->conn); /* it may have stopped reading */
        }
        pthread_mutex_unlock(&r->conn.lock);
        return s;
}

static void copy_queue_name(struct mq_link *l)
{
        struct mq_receiver *r = l->receiver;

        pthread_mutex_lock(&r->conn.lock);
        memcpy(l->started_queue, r->started_queue, sizeof(l->started_queue));
        pthread_mutex_unlock(&r->conn.lock);
}

static void tell_consumer(struct mq_link *l, const struct snapshot *s)
{
        struct mq_consumer *c = l->consumer;

        if (c && l->started_generation != 0 && l->started_generation != s->generation) {
                l->started_generation = 0;
                if (c->lost)
                        c->lost(c);
        }
        c = l->consumer;
        if (c && l->started_generation == 0 && s->generation != 0 && s->started_generation == s->generation &&
            s->started_epoch == l->wish_epoch) {
                l->started_generation = s->generation;
                copy_queue_name(l);
                if (c->started)
                        c->started(c);
        }
}

void mq_consume_collect(struct mq_link *l)
{
        struct snapshot s = take_news(l);
        struct list_link *i;
        unsigned n = 0;

        tell_consumer(l, &s);
        while (n < DELIVERIES_PER_TURN && (i = list_first(&l->inbox))) {
                _cleanup_free_ struct mq_incoming *in = LIST_ENTRY(i, struct mq_incoming, link);

                list_remove(i);
                if (in->delivery.generation != s.generation)
                        continue; /* of a lost connection: it comes again */
                if (l->started_generation == 0) {
                        put_back(l, &in->delivery);
                        continue;
                }
                n++;
                l->metrics.n_delivered++;
                l->consumer->delivered(l->consumer, &in->delivery);
        }
        if (!list_is_empty(&l->inbox))
                loop_wake_signal(&l->wake);
}
