/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */
#pragma once

/* Puts a message together from its frames: a method (deliver or return), a header, body fragments.  Frames
 * come one at a time, so that no read ever waits for the rest of a message.  Private to mq/. */

#include <amqp.h>
#include <amqp_framing.h>

#include "base/list.h"
#include "mq/mq_consume.h"

/* A body beyond this is not kept: whatever Lonja takes off a queue is a command of at most MaxBody. */
#define MQ_BODY_MAX ((size_t)4 * 1024 * 1024)
/* The header by which a returned publish is recognised: a return carries no delivery tag. */
#define MQ_HEADER_TAG "x-lonja-publish"
#define MQ_HEADER_REQUEST_ID "x-request-id" /* product.md section 2 */

struct mq_incoming {
        struct list_link link;
        struct mq_delivery delivery; /* strings and body point into `bytes` */
        char *body;                  /* the same place, for whoever fills it */
        _Alignas(struct header) char bytes[];
};

enum mq_content_phase { MQ_CONTENT_NONE, MQ_CONTENT_HEADER, MQ_CONTENT_BODY };

struct mq_content {
        enum mq_content_phase phase;
        bool is_return;
        bool is_oversize; /* deliver: `incoming` is NULL, only `tag` is known */
        bool redelivered;
        uint64_t tag; /* deliver: the delivery tag; return: the publish's tag, 0 when it names none */
        char exchange[256], routing_key[256]; /* AMQP short strings */
        struct mq_incoming *incoming;         /* owned */
        size_t body_expected, body_received;
};

/* 0: more frames follow; 1: a message is complete (take `incoming`, then mq_content_reset()); -EPROTO: no
 * frame of a message, or out of order; -ENOMEM. */
int mq_content_take(struct mq_content *c, const amqp_frame_t *frame);
void mq_content_reset(struct mq_content *c);
