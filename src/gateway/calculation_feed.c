/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */

/* Messages to the worker, and its answers. */

#include <errno.h>
#include <stdio.h>

#include "base/alloc.h"
#include "contract/names.h"
#include "gateway/calculation_internal.h"
#include "json/jwrite.h"

/* Answers taken at once; they are not acked: the row is the truth. */
#define ANSWERS_PREFETCH 256
#define DEAD_QUEUE CALCULATIONS_QUEUE ".dead"

/* The queue is the worker's, but a message may well come before its first start; "" is where answers come. */
static const struct mq_exchange exchanges[] = {{DEAD_EXCHANGE, "direct"}, {NULL}};
static const struct mq_queue queues[] = {
        {CALCULATIONS_QUEUE, "quorum", DEAD_EXCHANGE},
        {DEAD_QUEUE, "quorum"},
        {""},
        {NULL},
};
static const struct mq_binding bindings[] = {{DEAD_QUEUE, DEAD_EXCHANGE, CALCULATIONS_QUEUE}, {NULL}};
static const struct mq_topology topology = {exchanges, queues, bindings};

struct letter {
        struct list_link link;
        struct calculation_feed *feed;
        struct mq_publish publish;
        char id[CALCULATION_ID_SIZE];
};

static void on_delivered(struct mq_consumer *consumer, const struct mq_delivery *d)
{
        struct calculation_feed *f = container_of(consumer, struct calculation_feed, consumer);

        if (d->correlation_id)
                f->answered(f, d->correlation_id, d->body, d->body_size);
}

static void on_started(struct mq_consumer *consumer)
{
        struct calculation_feed *f = container_of(consumer, struct calculation_feed, consumer);

        f->changed(f);
}

static void on_changed(struct mq_link_watch *w, bool is_up)
{
        struct calculation_feed *f = container_of(w, struct calculation_feed, watch);

        (void)is_up;
        f->changed(f);
}

static void letter_free(struct letter *l)
{
        struct calculation_feed *f = l->feed;

        list_remove(&l->link);
        mq_publish_cancel(&l->publish);
        free(l);
        service_release(f->service);
}

static void on_published(struct mq_publish *p)
{
        struct letter *l = container_of(p, struct letter, publish);

        if (p->status == 0)
                service_ring("calculator");
        else
                l->feed->failed(l->feed, l->id, p->status);
        letter_free(l);
}

static void write_body(struct buf *body, const struct calculation_letter *content)
{
        struct jwrite w = jwrite_to(body);

        jwrite_object_begin(&w);
        jwrite_pair(&w, "expression", content->expression);
        jwrite_key(&w, "digits");
        jwrite_int(&w, content->digits);
        jwrite_object_end(&w);
}

static int publish(struct calculation_feed *f, struct letter *l, const struct calculation_letter *content)
{
        const char *reply_to = mq_consumer_queue(&f->consumer);
        const char *request_id = content->request_id, *deadline = content->deadline;
        const struct header headers[] = {{request_id ? HEADER_REQUEST_ID : NULL, request_id}, {NULL}};
        const struct header late_headers[] = {{HEADER_DEADLINE, deadline}, headers[0], {NULL}};
        _cleanup_(buf_done) struct buf body = BUF_EMPTY;
        struct mq_message m = {
                .exchange = "",
                .routing_key = CALCULATIONS_QUEUE,
                .content_type = "application/json",
                .message_id = content->id,
                .correlation_id = content->id,
                .reply_to = *reply_to ? reply_to : NULL,
                .type = content->is_kept ? CALCULATION_TYPE : NULL,
                .headers = deadline ? late_headers : headers,
                .mandatory = true,
        };

        write_body(&body, content);
        if (buf_error(&body) < 0)
                return -ENOMEM;
        m.body = buf_bytes(&body);
        m.body_size = buf_size(&body);
        return mq_publish_submit(&l->publish, f->link, &m, USEC_INFINITY, on_published);
}

bool calculation_feed_can_send(const struct calculation_feed *f)
{
        return mq_link_can_publish(f->link);
}

bool calculation_feed_can_ask(const struct calculation_feed *f)
{
        return mq_link_can_publish(f->link) && *mq_consumer_queue(&f->consumer);
}

bool calculation_feed_is_starting(const struct calculation_feed *f)
{
        return mq_link_is_starting(f->link) || (mq_link_is_up(f->link) && !*mq_consumer_queue(&f->consumer));
}

int calculation_feed_send(struct calculation_feed *f, const struct calculation_letter *content)
{
        struct letter *l;
        int r;

        /* Without a way back there is no point in asking. */
        if (!content->is_kept && !*mq_consumer_queue(&f->consumer))
                return -ENOTCONN;
        l = new0(struct letter, 1);
        if (!l)
                return -ENOMEM;
        l->feed = f;
        (void)snprintf(l->id, sizeof(l->id), "%s", content->id);
        service_hold(f->service);
        list_append(&f->letters, &l->link);
        r = publish(f, l, content);
        if (r < 0)
                letter_free(l);
        return r;
}

int calculation_feed_open(struct calculation_feed *f, struct service *service, const struct mq_conf *broker)
{
        int r;

        f->service = service;
        f->consumer.delivered = on_delivered;
        f->consumer.started = on_started;
        f->watch.changed = on_changed;
        list_init(&f->letters);
        r = mq_link_new(&f->link, service_loop(service), broker, &topology, true, &f->watch);
        if (r == 0)
                r = mq_consumer_start(&f->consumer, f->link, "", ANSWERS_PREFETCH, true);
        return r;
}

void calculation_feed_close(struct calculation_feed *f)
{
        if (f->letters.head.next)
                LIST_FOREACH_SAFE (i, &f->letters)
                        letter_free(LIST_ENTRY(i, struct letter, link));
        f->link = mq_link_free(f->link);
}
