/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */
#pragma once

/* Publishing one message: persistent, mandatory where asked, done when the broker confirmed. */

#include "base/buf.h"
#include "base/header.h"
#include "base/list.h"
#include "mq/mq_link.h"

struct mq_publish;
typedef void (*mq_publish_fn)(struct mq_publish *p);

/* Everything is copied by submit. */
struct mq_message {
        const char *exchange, *routing_key;
        const char *content_type, *message_id, *correlation_id, *reply_to, *type; /* NULL = absent */
        const char *content_encoding, *expiration; /* the same; milliseconds in the queue, in digits */
        unsigned priority;                         /* 0..255; 0 = absent */
        const struct header *headers;              /* ends with name NULL; may be NULL */
        const void *body;
        size_t body_size;
        bool mandatory; /* a return (no queue bound) is a failure: -EHOSTUNREACH */
};

struct mq_publish { /* embedded in the operation */
        mq_publish_fn complete;
        int status; /* 0 confirmed; -EHOSTUNREACH returned; -EIO nacked; -ECONNRESET lost, unknown; -ENOTCONN
                       never sent; -ETIMEDOUT; -ECANCELED */
        /* private */
        struct list_link link;
        struct mq_link *owner;
        void *slot;
        usec_t deadline_usec;
};

/* 0: complete() later, once, in the loop. -ENOTCONN: the broker is away (or blocks publishers) and nothing
 * was taken; -EBUSY: too many wait; -EINVAL: a name beyond AMQP's 255 bytes; -ENOMEM. The deadline is on
 * CLOCK_MONOTONIC, USEC_INFINITY for none; a message that still waits then is not sent any more. */
int mq_publish_submit(struct mq_publish *p, struct mq_link *l, const struct mq_message *m,
                      usec_t deadline_usec, mq_publish_fn complete);
/* No call-back after this; the message may still go out. */
void mq_publish_cancel(struct mq_publish *p);
