/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */
#pragma once

/* The publishing connection: its queue towards the thread, confirms, returns.  Private to mq/. */

#include "mq/mq_confirm.h"
#include "mq/mq_conn.h"
#include "mq/mq_content.h"
#include "mq/mq_publish.h"

/* One message on its way: made by the loop, lent to the thread, given back with its status. */
struct mq_outgoing {
        struct list_link link;      /* in waiting or done: lock; in neither while in flight: thread */
        struct mq_publish *publish; /* loop only; NULL when nobody waits for it any more */
        bool is_dropped;            /* lock: do not send */
        bool is_returned;           /* thread */
        int status;                 /* whoever puts it into done */
        size_t size_bytes;
        /* all owned by `bytes` */
        const char *exchange, *routing_key, *content_type, *message_id, *correlation_id, *reply_to, *type,
                *content_encoding, *expiration;
        const struct header *headers;
        const char *body;
        size_t body_size;
        unsigned priority;
        bool mandatory;
        _Alignas(struct header) char bytes[];
};

struct mq_publisher {
        struct mq_conn conn;
        struct mq_confirm window;  /* thread */
        struct mq_content content; /* thread */
        struct list waiting, done; /* lock */
        size_t n_in_flight;        /* lock; as the thread last told */
        uint64_t n_returned;       /* lock */
};

/* Copies. 0; -EINVAL: a name longer than AMQP's 255 bytes or headers beyond a frame; -ENOMEM. */
int mq_outgoing_new(struct mq_outgoing **ret, const struct mq_message *m);

int mq_publisher_new(struct mq_publisher **ret, const struct mq_conf *conf,
                     const struct mq_topology *topology, struct loop_wake *wake);
