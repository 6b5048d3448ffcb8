/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */
#pragma once

/* Task ids that wait for one statement about all of them: what a loop turn collects goes out together, and
 * what comes meanwhile goes out after it. A statement that failed is tried again, since nobody else knows. */

#include "base/buf.h"
#include "pg/pg_query.h"
#include "scheduler/firing_store.h"
#include "service/service.h"

struct id_batch {
        struct service *service; /* borrowed, as the pool */
        struct pg_pool *pool;
        void (*prepare)(struct id_batch *b, const char *ids, pg_query_fn complete); /* pg_query `query` */
        struct pg_query query;
        /* private */
        struct buf waiting, sent; /* "{uuid,uuid" */
        struct loop_task task;
        struct loop_timer retry;
        bool is_busy, is_held;
};

int id_batch_init(struct id_batch *b);
void id_batch_add(struct id_batch *b, const char *task_id);
void id_batch_done(struct id_batch *b);
