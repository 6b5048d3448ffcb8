/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */
#include "mq/mq_receiver.h"

#include <errno.h>
#include <stdio.h>

#include "base/alloc.h"

/* Without acks there is no prefetch: beyond these we stop reading until the loop has caught up. */
#define DELIVERIES_MAX 4096
#define DELIVERY_BYTES_MAX ((size_t)32 * 1024 * 1024)
#define CONSUMER_TAG "lonja"
#define PREFETCH_MAX 65535 /* AMQP short */

static struct mq_receiver *of(struct mq_conn *c)
{
        return container_of(c, struct mq_receiver, conn);
}

static int write_settle(struct mq_receiver *r, const struct mq_settle *s)
{
        amqp_connection_state_t state = r->conn.state;
        int status;

        mq_conn_enter(&r->conn);
        if (s->kind == MQ_SETTLE_ACK)
                status = amqp_basic_ack(state, MQ_CHANNEL, s->tag, 0);
        else
                status = amqp_basic_reject(state, MQ_CHANNEL, s->tag, s->kind == MQ_SETTLE_REQUEUE);
        mq_conn_leave(&r->conn);
        return mq_socket_status(status, "settling", r->conn.reason);
}

/* The generation is compared here, where it can not change meanwhile: a tag of an earlier connection means
 * another message on this one. */
static int write_settles(struct mq_receiver *r)
{
        _cleanup_(buf_done) struct buf settles = BUF_EMPTY;
        const struct mq_settle *s;
        unsigned generation;
        int k = 0;

        pthread_mutex_lock(&r->conn.lock);
        settles = r->settles;
        r->settles = BUF_EMPTY;
        generation = r->conn.generation;
        pthread_mutex_unlock(&r->conn.lock);

        for (; k >= 0 && buf_size(&settles) >= sizeof(*s); buf_consume(&settles, sizeof(*s))) {
                struct mq_settle one;

                memcpy(&one, buf_bytes(&settles), sizeof(one));
                if (one.generation == generation)
                        k = write_settle(r, &one);
        }
        return k;
}

static int start_consuming(struct mq_receiver *r, const char *queue, unsigned prefetch, bool no_ack)
{
        struct mq_conn *c = &r->conn;
        char what[320];
        int k;

        (void)snprintf(what, sizeof(what), "consuming from %s", *queue ? queue : "(exclusive)");
        (void)amqp_basic_qos(c->state, MQ_CHANNEL, 0, (uint16_t)MIN_OF(prefetch, (unsigned)PREFETCH_MAX), 0);
        k = mq_socket_reply(c->state, what, c->reason);
        if (k < 0)
                return k;
        (void)amqp_basic_consume(c->state, MQ_CHANNEL,
                                 amqp_cstring_bytes(*queue ? queue : c->exclusive_queue),
                                 amqp_cstring_bytes(CONSUMER_TAG), 0, no_ack, 0, amqp_empty_table);
        return mq_socket_reply(c->state, what, c->reason);
}

static int stop_consuming(struct mq_receiver *r)
{
        /* nowait: what was sent before the broker reads this comes and is put back by the loop */
        amqp_basic_cancel_t cancel = {.consumer_tag = amqp_cstring_bytes(CONSUMER_TAG), .nowait = 1};
        int status;

        r->is_consuming = false;
        mq_conn_enter(&r->conn);
        status = amqp_send_method(r->conn.state, MQ_CHANNEL, AMQP_BASIC_CANCEL_METHOD, &cancel);
        mq_conn_leave(&r->conn);
        return mq_socket_status(status, "cancelling the consumer", r->conn.reason);
}

static int follow_wish(struct mq_receiver *r)
{
        char queue[sizeof(r->queue)];
        unsigned prefetch, epoch;
        bool no_ack, is_wanted;
        int k = 0;

        pthread_mutex_lock(&r->conn.lock);
        memcpy(queue, r->queue, sizeof(queue));
        prefetch = r->prefetch;
        no_ack = r->no_ack;
        is_wanted = r->is_wanted;
        epoch = r->epoch;
        pthread_mutex_unlock(&r->conn.lock);

        if (r->is_consuming && (!is_wanted || epoch != r->consuming_epoch))
                k = stop_consuming(r);
        if (k < 0 || !is_wanted || r->is_consuming)
                return k;
        k = start_consuming(r, queue, prefetch, no_ack);
        if (k < 0)
                return k;
        r->is_consuming = true;
        r->consuming_epoch = epoch;
        r->is_no_ack = no_ack;
        pthread_mutex_lock(&r->conn.lock);
        r->started_generation = r->conn.generation;
        r->started_epoch = epoch;
        (void)snprintf(r->started_queue, sizeof(r->started_queue), "%s",
                       *queue ? queue : r->conn.exclusive_queue);
        mq_conn_tell(&r->conn);
        pthread_mutex_unlock(&r->conn.lock);
        return 0;
}

static int on_opened(struct mq_conn *c)
{
        of(c)->is_consuming = false;
        return 0;
}

static int on_work(struct mq_conn *c)
{
        struct mq_receiver *r = of(c);
        int k;

        k = write_settles(r);
        return k < 0 ? k : follow_wish(r);
}

static bool on_can_take(struct mq_conn *c)
{
        struct mq_receiver *r = of(c);
        bool can;

        pthread_mutex_lock(&c->lock);
        can = r->n_deliveries < DELIVERIES_MAX && r->n_delivery_bytes < DELIVERY_BYTES_MAX;
        pthread_mutex_unlock(&c->lock);
        return can;
}

static void hand_over(struct mq_receiver *r)
{
        struct mq_incoming *in = TAKE_PTR(r->content.incoming);

        pthread_mutex_lock(&r->conn.lock);
        in->delivery.generation = r->conn.generation;
        list_append(&r->deliveries, &in->link);
        r->n_deliveries++;
        r->n_delivery_bytes += in->delivery.body_size;
        mq_conn_tell(&r->conn);
        pthread_mutex_unlock(&r->conn.lock);
}

static int on_take(struct mq_conn *c, const amqp_frame_t *frame)
{
        struct mq_receiver *r = of(c);
        int k;

        k = mq_content_take(&r->content, frame);
        if (k < 0)
                (void)snprintf(c->reason, sizeof(c->reason), "unexpected frame from the broker");
        if (k <= 0)
                return k;
        k = 0;
        if (r->content.is_oversize) {
                /* nobody here could use it: to the dead letters, if the queue has them */
                struct mq_settle s = {.tag = r->content.tag, .kind = MQ_SETTLE_REJECT};

                if (!r->is_no_ack)
                        k = write_settle(r, &s);
        } else if (!r->content.is_return) {
                hand_over(r);
        }
        mq_content_reset(&r->content);
        return k;
}

/* lock held.  Deliveries of the lost connection stay in the list: the loop drops them by their generation. */
static void on_lost(struct mq_conn *c)
{
        struct mq_receiver *r = of(c);

        mq_content_reset(&r->content);
        buf_reset(&r->settles);
        r->is_consuming = false;
}

static void on_free(struct mq_conn *c)
{
        struct mq_receiver *r = of(c);

        LIST_FOREACH_SAFE (i, &r->deliveries) {
                list_remove(i);
                free(LIST_ENTRY(i, struct mq_incoming, link));
        }
        mq_content_reset(&r->content);
        buf_done(&r->settles);
        mq_conn_done(c);
        free(r);
}

static const struct mq_role receiver_role = {
        .purpose = "consume",
        .takes_exclusive_queues = true,
        .opened = on_opened,
        .work = on_work,
        .can_take = on_can_take,
        .take = on_take,
        .lost = on_lost,
        .free = on_free,
};

void mq_receiver_settle(struct mq_receiver *r, uint64_t tag, unsigned generation, enum mq_settle_kind kind)
{
        struct mq_settle s = {.tag = tag, .generation = generation, .kind = kind};
        bool failed;

        pthread_mutex_lock(&r->conn.lock);
        buf_append(&r->settles, &s, sizeof(s));
        failed = buf_error(&r->settles) < 0;
        mq_conn_kick(&r->conn);
        pthread_mutex_unlock(&r->conn.lock);
        if (failed)
                mq_conn_cut(&r->conn);
}

int mq_receiver_new(struct mq_receiver **ret, const struct mq_conf *conf, const struct mq_topology *topology,
                    struct loop_wake *wake)
{
        _cleanup_(mq_target_done) struct mq_target target = {0};
        struct mq_receiver *r;
        int k;

        k = mq_target_init(&target, conf, receiver_role.purpose);
        if (k < 0)
                return k;
        r = new0(struct mq_receiver, 1);
        if (!r)
                return -ENOMEM;
        list_init(&r->deliveries);
        k = mq_conn_init(&r->conn, &receiver_role, &target, topology, wake);
        if (k < 0) {
                on_free(&r->conn);
                return k;
        }
        *ret = r;
        return 0;
}
