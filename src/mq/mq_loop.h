/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */
#pragma once

/* The link as the loop sees it: shared by mq_link.c (life, state, watching for stalls), mq_publish.c and
 * mq_consume.c.  Private to mq/. */

#include "mq/mq_consume.h"
#include "mq/mq_publisher.h"
#include "mq/mq_receiver.h"

struct mq_link {
        sd_event *loop;      /* borrowed */
        struct list watches; /* of mq_link_watch, borrowed */
        struct mq_publisher *publisher;
        struct mq_receiver *receiver; /* NULL: publish only */
        struct loop_wake wake;
        bool is_closing;

        /* state as last told */
        bool publish_up, consume_up, publish_failed, consume_failed;
        enum { MQ_TOLD_NOTHING, MQ_TOLD_UP, MQ_TOLD_DOWN } told;
        char error[MQ_ERROR_SIZE];

        /* publishing */
        uint64_t waiting_max, unconfirmed_max;
        struct list publishes;           /* of mq_publish: somebody waits for them */
        size_t n_pending, pending_bytes; /* of mq_outgoing: the thread has them */
        usec_t pending_since_usec;
        struct loop_timer deadline, stall;
        usec_t next_deadline_usec;

        /* consuming */
        struct mq_consumer *consumer; /* borrowed; NULL when none is started */
        struct list inbox;            /* of mq_incoming, owned */
        unsigned wish_epoch;
        unsigned started_generation; /* 0: not consuming */
        char started_queue[256];
        bool wish_no_ack;

        struct mq_link_metrics metrics;
};

/* A write may block from now on: looks after the connections until they are idle again. */
void mq_link_watch_progress(struct mq_link *l);

/* Gives confirmed and failed publishes back; updates publish_up. */
void mq_publish_collect(struct mq_link *l);
void mq_publish_cancel_all(struct mq_link *l);
/* Hands deliveries out; updates consume_up. */
void mq_consume_collect(struct mq_link *l);
void mq_consume_discard_inbox(struct mq_link *l);
