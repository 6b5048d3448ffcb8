/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */
#pragma once

/* A message as the broker brought it, kept for longer than the call-back of its delivery: until it is
 * settled, as a row of task_later, and on its way to the queue or to the dead letters.
 *
 * As text it is a JSON object: queue, content_type, content_encoding, correlation_id, reply_to, priority,
 * headers, body.  Headers of kinds that base/header.h cannot keep are lost in it. */

#include "mq/mq_consume.h"
#include "json/jread.h"

#define LETTER_HEADERS_MAX (MQ_DELIVERY_HEADERS_MAX + 4) /* and what is said about a dead one */

struct task_letter {
        const char *content_type, *content_encoding, *correlation_id, *reply_to; /* "" = absent */
        unsigned priority;
        const struct header *headers;
        const char *body;
        size_t body_size;
        void *block; /* owned; all that is above */
};

/* 0; -ENOMEM. */
int task_letter_copy(struct task_letter *l, const struct mq_delivery *d);
/* Zeroed and used ones. */
void task_letter_done(struct task_letter *l);
/* As text, with `retries` (< 0: as it is) in its header. 0; -EILSEQ: the body is no UTF-8; -ENOMEM. */
int task_letter_encode(const struct task_letter *l, int64_t retries, struct buf *out);
/* 0; -EBADMSG; -ENOMEM. */
int task_letter_decode(const char *text, size_t n, struct task_letter *l);

/* For mq_publish_submit(): to the queue, or with `reason` as its dead letter. Borrows all. */
struct task_post {
        struct mq_message message;
        struct header headers[LETTER_HEADERS_MAX];
};
void task_letter_post(const struct task_letter *l, const char *queue, const char *reason,
                      struct task_post *ret);
