/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */
#pragma once

/* From committed changes to RabbitMQ: sequencer and relay (architecture.md section 5).
 *
 * A write leaves a row in `outbox` in its own transaction. event_relay_poke() after a commit runs the
 * sequencer once per loop turn: it moves committed outbox rows into `event` with dense offsets, and takes the
 * lease (a row, 5 s) if nobody has it. One relay at a time publishes by offset with confirms and advances to
 * the highest contiguous confirm; it gives the lease up with the same look at the head that tells it that
 * nothing is left, so whoever sequences next can have it, and nobody needs to be notified (sql/0002). A sweep
 * each second finds what others left: rows written by psql, a holder that died.
 *
 * While there is something that this daemon can deliver (database and broker reachable), the service is held:
 * no idle exit. */

#include <stdbool.h>
#include <stdint.h>

#include "base/list.h"
#include "mq/mq_link.h"
#include "pg/pg_pool.h"
#include "service/service.h"

struct event_relay;

/* All borrowed; the exchange lonja.events must be in the link's topology. */
int event_relay_new(struct event_relay **ret, struct service *service, struct pg_pool *pool,
                    struct mq_link *link);
/* A transaction with outbox rows has committed. Cheap; coalesced per loop turn. */
void event_relay_poke(struct event_relay *r);
/* Leaving: publishes what is there, looks after nobody else's work any more; then the hold falls. */
void event_relay_drain(struct event_relay *r);
/* Before the pool and the link. */
struct event_relay *event_relay_free(struct event_relay *r);
DEFINE_FREEP(struct event_relay, event_relay_free)

/* Told after each turn that asked the database: each second, and after each commit of this process. `head` is
 * the newest offset; when it is the same as before, nobody has committed an event. */
struct event_relay_watch {
        struct list_link link;
        void (*turned)(struct event_relay_watch *w, int64_t head);
};
void event_relay_watch_add(struct event_relay *r, struct event_relay_watch *w);
void event_relay_watch_remove(struct event_relay_watch *w);

struct event_relay_metrics {
        int64_t head, published; /* offsets, as last heard; lag = head - published */
        uint64_t n_sequenced, n_published, n_failed;
        bool is_holder; /* at this moment: an idle relay holds nothing */
};
void event_relay_metrics(const struct event_relay *r, struct event_relay_metrics *ret);
