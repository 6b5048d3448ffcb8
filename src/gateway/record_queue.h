/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */
#pragma once

/* The queue lonja.records as a door: a message there is a record, acknowledged when it is committed.
 *
 * Text or {"message": ...}; message_id is the idempotency key. What can never become a record goes to the
 * dead letters. While the database is away, deliveries are kept here, unacknowledged and no more than the
 * prefetch, and tried again with back-off: nothing goes round through the broker. */

#include "gateway/record.h"
#include "mq/mq_consume.h"
#include "service/service.h"

struct record_queue;

/* All borrowed. The link's topology holds RECORDS_QUEUE. */
int record_queue_new(struct record_queue **ret, struct service *service, struct mq_link *link,
                     struct records *records);
/* Leaving: takes no more, puts back what waits to be tried again, finishes the rest; then the hold falls. */
void record_queue_drain(struct record_queue *q);
/* Before the records and the link. What is unfinished comes again, to whoever consumes then. */
struct record_queue *record_queue_free(struct record_queue *q);
DEFINE_FREEP(struct record_queue, record_queue_free)

struct record_queue_metrics {
        uint64_t n_in_hand, n_retried, n_dead;
};
void record_queue_metrics(const struct record_queue *q, struct record_queue_metrics *ret);
