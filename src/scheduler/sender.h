/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */
#pragma once

/* From the ledger to the broker: each firing as a Celery message (contract/task_message.h), published with a
 * confirm, then marked as sent; the daemon whose queue it is gets its bell rung.
 *
 * It takes in no more than the broker confirms: what waited here past its lease would be sent again by
 * another, and a broker that is slow would have twice the work.
 *
 * What cannot be sent now stays pending in the ledger, and whoever looks next sends it: firings of a
 * scheduler that is gone, of a broker that was away, runs by hand, those that waited for an earlier one to
 * end. */

#include "base/list.h"
#include "mq/mq_publish.h"
#include "scheduler/id_batch.h"

struct sender_counters {
        uint64_t n_sent, n_failed, n_unroutable;
        uint64_t late_sum_usec, late_max_usec; /* from due to confirm */
        uint64_t late_buckets[8];
};
extern const uint64_t sender_late_bounds_usec[7];

struct sender {
        struct service *service; /* borrowed, as the next two */
        struct pg_pool *pool;
        struct mq_link *link;
        usec_t lease_usec; /* option */
        /* There is room again. */
        void (*relieved)(struct sender *s);
        struct sender_counters counters;
        /* private */
        struct list in_flight; /* of struct sending */
        size_t n_in_flight;
        struct id_batch sent, away, unroutable;
        struct pg_query take;
        struct loop_timer timer;
        bool is_taking, take_again, is_draining;
};

int sender_init(struct sender *s);
/* Whether to come with more; if not, relieved() tells when. */
bool sender_has_room(const struct sender *s);
/* Rows of firing_order. */
void sender_send(struct sender *s, const struct pg_query *q);
/* Something may be pending in the ledger: look. */
void sender_poke(struct sender *s);
/* Sends what is in flight and looks no more. */
void sender_drain(struct sender *s);
void sender_done(struct sender *s);
