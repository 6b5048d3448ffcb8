/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */
#pragma once

/* The end of the log, followed: one reading for all clients who are up to date.
 *
 *     OFF --feed_on()--> the newest events are read once --> following --feed_off()--> OFF
 *
 * A look reads what is new. One is begun when the broker tells of an event, each second, and when somebody
 * asks; so events come within a second without a broker, too. What was read stays in a ring, from which
 * clients take at their own pace; whoever falls out of it was too slow.
 *
 * Nobody's place is guessed: a client that comes waits for a look that begins after its coming. */

#include "mq/mq_consume.h"
#include "notifier/event_log.h"

struct feed_event {
        int64_t offset;
        struct ws_frame *frame; /* a reference */
        char *type;             /* owned */
};

struct feed_conf {
        uint64_t recent_max, recent_bytes;
};

struct feed {
        sd_event *loop; /* borrowed, as the next two */
        struct pg_pool *pool;
        struct mq_link *link;
        struct feed_conf conf;
        /* A look has ended: n_looked moved, and perhaps `last`. */
        void (*looked)(struct feed *f);
        /* The log is not the one that was followed: whoever is live has lost his place. */
        void (*reset)(struct feed *f);
        /* what is known */
        int64_t first, last; /* kept in the log; read up to */
        uint64_t n_begun, n_looked;
        bool is_placed; /* first and last mean something */
        /* private */
        struct feed_event *ring; /* owned; by offset modulo recent_max */
        int64_t ring_first;      /* the oldest in it; last + 1 when it is empty */
        size_t ring_bytes;
        struct pg_query query;
        struct mq_consumer consumer;
        struct loop_timer tick;
        int64_t goal; /* of the look under way: the newest when it began */
        bool is_on, is_reading, wants_look, has_goal;
        uint64_t n_events, n_wakes, n_reads, n_failures; /* for metrics */
};

int feed_start(struct feed *f, sd_event *loop, struct pg_pool *pool, struct mq_link *link,
               const struct feed_conf *conf);
void feed_stop(struct feed *f);
void feed_on(struct feed *f);
void feed_off(struct feed *f);
/* Asks for a look that begins from now on; it is done when n_looked has reached the number returned. */
uint64_t feed_look(struct feed *f);
/* Of an offset from ring_first to last. */
const struct feed_event *feed_at(const struct feed *f, int64_t offset);
