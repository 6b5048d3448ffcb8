/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */
#pragma once

/* From committed changes to RabbitMQ: sequencer and relay (architecture.md section 5).
 *
 * A write leaves a row in `outbox` in its own transaction. event_relay_poke() after a commit runs the
 * sequencer once per loop turn: it moves committed outbox rows into `event` with dense offsets. One relay at
 * a time (a lease row of 5 s) publishes by offset with confirms and advances to the highest contiguous
 * confirm; whoever sequences without holding the lease notifies the holder (one NOTIFY per turn, outside the
 * writes' transactions). While the outbox is not empty or confirmed work is behind the head and the broker is
 * up, the service is held: no idle exit. */

#include <stdint.h>

#include "mq/mq_link.h"
#include "pg/pg_pool.h"
#include "service/service.h"

struct event_relay;

int event_relay_new(struct event_relay **ret, struct service *service, struct pg_pool *pool,
                    struct mq_link *link);
/* A transaction with outbox rows has committed. Cheap; coalesced per loop turn. */
void event_relay_poke(struct event_relay *r);
/* Hands the lease back once what is in flight was confirmed; the hold falls. */
void event_relay_drain(struct event_relay *r);
struct event_relay *event_relay_free(struct event_relay *r);
DEFINE_FREEP(struct event_relay, event_relay_free)

struct event_relay_metrics {
        int64_t head, published; /* offsets; lag = head - published */
        uint64_t n_sequenced, n_published, n_failed;
        bool is_holder;
};
void event_relay_metrics(const struct event_relay *r, struct event_relay_metrics *ret);
