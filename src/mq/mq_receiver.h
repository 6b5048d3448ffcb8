/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */
#pragma once

/* The consuming connection: deliveries towards the loop, settlements towards the broker.  Private to mq/. */

#include "base/buf.h"
#include "mq/mq_conn.h"
#include "mq/mq_content.h"

enum mq_settle_kind { MQ_SETTLE_ACK, MQ_SETTLE_REQUEUE, MQ_SETTLE_REJECT };

struct mq_settle {
        uint64_t tag;
        unsigned generation;
        enum mq_settle_kind kind;
};

struct mq_receiver {
        struct mq_conn conn;
        struct mq_content content; /* thread */
        bool is_consuming;         /* thread */
        unsigned consuming_epoch;  /* thread: the wish that is_consuming fulfils */
        bool is_no_ack;            /* thread: of that wish */

        /* lock: what the loop wishes */
        char queue[256];
        unsigned prefetch;
        bool no_ack, is_wanted;
        unsigned epoch;     /* counts the wishes */
        struct buf settles; /* of struct mq_settle */

        /* lock: what the loop gets */
        struct list deliveries;
        size_t n_deliveries, n_delivery_bytes;
        unsigned started_generation, started_epoch; /* 0 = not yet */
        char started_queue[256];                    /* the server's name of an exclusive one */
};

int mq_receiver_new(struct mq_receiver **ret, const struct mq_conf *conf, const struct mq_topology *topology,
                    struct loop_wake *wake);
/* Loop: a delivery of `generation` is done with. Out of memory cuts the connection: everything unsettled
 * comes again, which is what a lost ack means. */
void mq_receiver_settle(struct mq_receiver *r, uint64_t tag, unsigned generation, enum mq_settle_kind kind);
