/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */
#pragma once

/* The clock of the scheduler: asks the database which schedules are due, plans them, offers the plans to the
 * ledger, and hands what is to be sent to the sender. In between it sleeps until the next due time.
 *
 *     SLEEPING --due, poked, 5 s--> LOOKING --rows are due--> OFFERING --> LOOKING ...
 *         ^----------nothing is due----+
 *         ^----------no room for more--+
 *
 * "Now" is the database's: the wait is measured on the monotonic clock from when the database said what time
 * it was, and a change of clocks, a suspend or another's edit is noticed by the next look at the latest.
 * Keeps nothing about a schedule in memory.
 *
 * The service is held while a schedule is enabled, and until that is known. */

#include "pg/pg_query.h"
#include "scheduler/zone_book.h"
#include "service/service.h"

struct ticker_counters {
        uint64_t n_looks, n_fired, n_missed, n_broken;
};

struct ticker {
        struct service *service; /* borrowed, as the next three */
        struct pg_pool *pool;
        struct zone_book *zones;
        usec_t grace_usec, lease_usec; /* options */
        /* Whether more can be sent now; if not, the ticker waits to be poked. */
        bool (*has_room)(struct ticker *t);
        /* Firings are in the ledger and the caller's to send: rows of firing_order. */
        void (*fired)(struct ticker *t, const struct pg_query *q);
        struct ticker_counters counters;
        /* private */
        struct loop_timer timer;
        struct pg_query look, offer;
        bool is_looking, is_offering, look_again, is_held, is_draining;
        unsigned n_offered; /* schedules in the offer */
};

void ticker_start(struct ticker *t);
/* Something may have changed: look now. */
void ticker_poke(struct ticker *t);
/* Ends what is in flight and looks no more. */
void ticker_drain(struct ticker *t);
void ticker_done(struct ticker *t);
