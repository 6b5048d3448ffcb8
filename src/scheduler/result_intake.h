/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */
#pragma once

/* What workers answer, from the queue lonja.schedule.results into the ledger: many in one statement, and
 * acked after its commit. Any scheduler takes any result. */

#include "mq/mq_consume.h"
#include "pg/pg_query.h"
#include "service/service.h"

#define RESULTS_MAX 256 /* in one statement, and unacked: results may be large, and locks short */

struct result_tag {
        uint64_t tag;
        unsigned generation;
};

struct result_batch {
        struct buf json; /* an array, without its end */
        struct result_tag tags[RESULTS_MAX];
        unsigned n;
};

struct result_intake {
        struct service *service; /* borrowed, as the next two */
        struct pg_pool *pool;
        struct mq_link *link;
        /* Results are in the ledger: others may be pending now, schedules may have been paused. */
        void (*taken)(struct result_intake *i);
        uint64_t n_results, n_foreign; /* foreign: no results, or of no task of ours */
        /* private */
        struct mq_consumer consumer;
        struct result_batch batches[2], *filling,
                *writing; /* writing: NULL while no statement is on its way */
        struct pg_query query;
        struct loop_task task;
        struct loop_timer retry;
};

int result_intake_start(struct result_intake *i);
/* Takes no further results; those in hand are written. */
void result_intake_drain(struct result_intake *i);
void result_intake_done(struct result_intake *i);
