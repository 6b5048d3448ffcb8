/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */
#pragma once

/* lonja-calculator: what the process is made of. */

#include "calculator/calculator_conf.h"
#include "calculator/calculator_tasks.h"
#include "calculator/job.h"
#include "mq/mq_consume.h"
#include "service/log.h"
#include "service/offload.h"

struct calculator_counters {
        uint64_t n_done, n_failed, n_parked, n_refused, n_repeated;
};

struct calculator {
        struct service *service;            /* borrowed */
        const struct calculator_conf *conf; /* borrowed, replaced by reload */
        struct pg_pool *pool;               /* owned, as all below */
        struct pg_group_line *records;      /* of final states */
        struct mq_link *link;
        struct offload *offload;
        struct calculator_tasks *tasks;
        struct mq_consumer consumer;
        struct job_queue jobs;
        struct pg_pool_watch pool_watch;
        struct mq_link_watch link_watch;
        struct log_limit pool_limit, link_limit;
        struct calculator_counters counters;
        struct loop_timer tell; /* of what was done since */
        bool is_held;           /* nobody could wake us again */
};

/* Something was counted: STATUS= says so soon. There is no HTTP here that could be asked for metrics. */
void calculator_counted(struct calculator *c);

extern const struct service_daemon calculator_daemon;
