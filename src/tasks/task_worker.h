/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */
#pragma once

/* Carries out the tasks of one queue, as a Celery worker would: a part of any daemon.
 *
 *   - A delivery is acked when the task's effect is committed and its result is with the broker.
 *   - The task's id is its idempotency key: a second delivery is answered with the first outcome.
 *   - One with an eta, or to be tried again, is kept in the database and acked; it comes back by the queue.
 *   - What nobody can read, what nobody knows, and what was begun MaxDeliveries times without an end, becomes
 * a dead letter that says why in header x-lonja-reason.
 *   - Without the database nothing is begun: deliveries in hand wait, the rest stays in the queue. */

#include "mq/mq_link.h"
#include "pg/pg_pool.h"
#include "service/service.h"
#include "tasks/task_call.h"
#include "tasks/tasks_conf.h"

struct task_worker;

struct task_worker_setup {
        struct service *service; /* all borrowed */
        struct pg_pool *pool;
        struct mq_link *link; /* consuming; its topology has tasks_topology(); */
        const struct mq_conf
                *broker; /* with link NULL, as a link has one consumer: for one of the worker's own */
        const struct tasks_conf *conf;
        const char *queue;
        const struct task_handler *handlers;
        void *context;
};

/* Starts consuming at once. Logs what it returns. */
int task_worker_new(struct task_worker **ret, const struct task_worker_setup *setup);
void task_worker_reload(struct task_worker *w, const struct tasks_conf *conf);
/* The bell rang: looks after what is due, too. */
void task_worker_ring(struct task_worker *w);
/* What has not begun goes back to the queue; the rest ends, and then the holds fall. */
void task_worker_drain(struct task_worker *w);
/* Before the pool and the link. What still runs comes again. */
struct task_worker *task_worker_free(struct task_worker *w);

/* Lines of Prometheus text. */
void task_worker_write_metrics(const struct task_worker *w, struct buf *out);
