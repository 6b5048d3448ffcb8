/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */
#pragma once

/* A look at the broker for `lonja status`, the sweep and the dashboard: blocking, each step bounded by
 * BrokerStallSec. It declares nothing and consumes nothing. */

#include "mq/mq_link.h"

struct mq_queue_depth {
        const char *name; /* set by the caller; borrowed */
        bool exists;
        uint32_t n_messages, n_consumers; /* ready ones; consumers */
};

#define MQ_PROBE_ERROR_SIZE 256

/* An array of them, for mq_probe(): those of `names` (NULL-ended) that fit into `n` with the end. */
void mq_probe_names(struct mq_queue_depth *depths, size_t n, const char *const *names);

/* Connects, logs in, fills the depths (an array ending with name NULL). 0; -errno with a sentence. */
int mq_probe(const struct mq_conf *conf, struct mq_queue_depth *depths, char error[MQ_PROBE_ERROR_SIZE]);
