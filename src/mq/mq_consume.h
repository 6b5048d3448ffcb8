/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */
#pragma once

/* Consuming from a queue: bounded prefetch, each delivery acked, rejected or requeued exactly once by its
 * handle. */

#include "mq/mq_link.h"
#include "mq/mq_publish.h"

#define MQ_DELIVERY_HEADERS_MAX 64 /* Celery sends 17, a dead letter adds four */
#define MQ_DELIVERY_ITEMS_MAX 16   /* of a list; a longer one is HEADER_OTHER */

struct mq_delivery {
        /* what to settle; carries the connection's generation, so that a stale ack is dropped */
        uint64_t tag;
        unsigned generation;
        bool redelivered;
        const char *exchange, *routing_key; /* valid during the call-back, as all below; never NULL */
        const char *content_type, *message_id, *correlation_id, *reply_to, *type, *request_id;
        const char *content_encoding;
        unsigned priority;            /* 0 when absent */
        const struct header *headers; /* the first MQ_DELIVERY_HEADERS_MAX; never NULL */
        const char *body;
        size_t body_size;
};

struct mq_consumer {
        void (*delivered)(struct mq_consumer *c, const struct mq_delivery *d);
        /* (Re)started: the queue exists and is bound, deliveries follow. Everything unsettled of an earlier
         * generation comes again. */
        void (*started)(struct mq_consumer *c);
        void (*lost)(struct mq_consumer *c);
        /* private */
        struct mq_link *link;
        const char *queue; /* borrowed; name in the topology */
        unsigned prefetch;
        bool no_ack;
};

/* One consumer per link. `no_ack` for exclusive event queues where the log is the truth. */
int mq_consumer_start(struct mq_consumer *c, struct mq_link *l, const char *queue, unsigned prefetch,
                      bool no_ack);
void mq_consumer_stop(struct mq_consumer *c);
/* The queue as the broker calls it, also an exclusive one: what others may reply to. "" unless started. */
const char *mq_consumer_queue(const struct mq_consumer *c);
void mq_delivery_ack(struct mq_consumer *c, uint64_t tag, unsigned generation);
void mq_delivery_reject(struct mq_consumer *c, uint64_t tag, unsigned generation, bool requeue);
