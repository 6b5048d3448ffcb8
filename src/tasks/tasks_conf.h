/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */
#pragma once

/* Section [Tasks] of every daemon that carries out tasks. */

#include "mq/mq_link.h"
#include "service/conf.h"

struct tasks_conf {
        int queue_type;       /* QueueType=quorum, or classic with priorities; a queue that is there stays */
        uint64_t prefetch;    /* Prefetch=16 tasks in hand at once */
        uint64_t max_retries; /* MaxRetries=10 */
        usec_t retry_usec; /* RetrySec=1: about so long after the first failure, twice that after the next */
        usec_t retry_max_usec;   /* RetryMaxSec=10min */
        uint64_t max_deliveries; /* MaxDeliveries=5: begun so often without an end, it is parked */
        usec_t limit_usec;       /* TimeLimitSec=10min, unless the sender has set less */
};
extern const struct conf_option tasks_options[];

/* The queues of a task worker: its own and the one of its dead letters. Ends the list. */
struct tasks_topology {
        struct mq_queue queues[3];
        struct mq_binding bindings[2];
};
/* `queue` and `dead` are static names. */
void tasks_topology(struct tasks_topology *ret, const struct tasks_conf *conf, const char *queue,
                    const char *dead);
