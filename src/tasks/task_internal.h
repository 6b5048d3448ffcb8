/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */
#pragma once

/* A delivery and its way to an end.  Private to tasks/.
 *
 *     READING --------------------------------- unreadable --------------------+
 *        | readable                                                            |
 *     BEGINNING --done before------------------------------+                   |
 *        | run  \--expired, parked, unknown--> RECORDING --+                   |
 *        |       \--later--> POSTPONING ----------------+  |                   |
 *     RUNNING --retry--> POSTPONING --------------------+  |                   |
 *        |                                              |  |                   |
 *        +--result--> RECORDING (unless its commit did) |  |                   |
 *                         |                             |  |                   |
 *                     ANSWERING (publishes the result) <---+                   |
 *                         |                             |                      |
 *                     BURYING (only a dead letter) <---------------------------+
 *                         |                             |
 *                       SETTLED: acked, freed <---------+
 *
 * A suspect, begun twice without an end, stays in BEGINNING until its turn. A step that fails for want of a
 * server is WAITING for a while and then done again.  A call whose connection
 * was lost goes on, but for one that has not begun: the broker delivers it again, and that delivery takes
 * over the call. */

#include "base/id.h"
#include "contract/task_message.h"
#include "contract/task_result_message.h"
#include "mq/mq_publish.h"
#include "service/log.h"
#include "tasks/task_letter.h"
#include "tasks/task_store.h"
#include "tasks/task_worker.h"

#define TASK_QUEUE_SIZE 64 /* of the name of its dead letters' */

enum task_step {
        TASK_STEP_READING,
        TASK_STEP_BEGINNING,
        TASK_STEP_RUNNING,
        TASK_STEP_POSTPONING,
        TASK_STEP_RECORDING,
        TASK_STEP_ANSWERING,
        TASK_STEP_BURYING,
        TASK_STEP_SETTLED,
};

struct task_call {
        struct list_link link;
        struct task_worker *worker;
        enum task_step step;
        uint64_t tag;
        unsigned generation;
        bool is_redelivered, is_stale; /* its connection is gone */
        bool waits_for_turn;           /* BEGINNING */

        struct task_letter letter;
        struct task_message message; /* borrows from the letter */
        bool is_read;
        const struct task_handler *handler; /* NULL: nobody knows it */
        char request_id[ID_FOREIGN_MAX + 1], hash[65];
        usec_t since_usec;

        struct pg_query query;
        struct mq_publish publish;
        struct loop_timer timer; /* RUNNING: the limit; else: the pause before the step is done again */
        unsigned n_pauses;

        void *op; /* the handler's, owned */
        void (*op_done)(void *op);

        /* the outcome */
        enum task_status status;
        struct buf result; /* JSON, NUL-terminated */
        bool has_result, is_recorded, is_repeat;
        usec_t delay_usec;             /* POSTPONING after a failure */
        char reason[TASK_REASON_SIZE]; /* not "": a dead letter */
};

struct task_counters {
        uint64_t n_succeeded, n_failed, n_retried, n_postponed, n_repeated, n_dead;
};

struct task_worker {
        struct task_worker_setup setup;
        struct tasks_topology queues; /* this, what follows and setup.link: with a link of its own */
        struct mq_topology topology;
        char dead_queue[TASK_QUEUE_SIZE];
        struct mq_link *link; /* owned, or NULL */
        struct mq_consumer consumer;
        struct list calls;         /* of task_call, owned */
        struct task_call *suspect; /* of them: the one whose turn it is; NULL: none */
        struct task_later *later;  /* owned */
        bool is_draining;
        struct task_counters counters;
        struct log_limit log_limit;
};

/* task_call.c: from the delivery to the handler and back. */
void task_call_start(struct task_worker *w, const struct mq_delivery *d);
void task_call_step(struct task_call *c, enum task_step step);
/* Back to the queue, as if it had never come. */
void task_call_requeue(struct task_call *c);
void task_call_free(struct task_call *c);
/* Tells the outcome, once: RECORDING follows. */
void task_call_finish(struct task_call *c, enum task_status status, const char *result);
/* The result of a failure by our own hand. */
void task_call_finish_error(struct task_call *c, enum task_status status, unsigned http_status,
                            const char *slug, const char *detail, const struct field_errors *errors);

/* Sends its query, to be answered by the step. */
void task_call_submit(struct task_call *c);
/* The step is done again after a while. */
void task_call_pause(struct task_call *c, int error, const char *what);
/* Its outcome is that of the query's row. */
void task_call_adopt(struct task_call *c, const struct pg_query *q, unsigned status, unsigned result);

/* task_begin.c: the steps READING, BEGINNING, RUNNING. */
void task_begin_read(struct task_call *c);
void task_begin_ask(struct task_call *c);
void task_begin_run(struct task_call *c);
/* Harmless for one that has no turn. */
void task_begin_leave_turn(struct task_call *c);

/* task_later.c: what waits for its time. */
int task_later_new(struct task_later **ret, struct task_worker *w);
void task_later_poke(struct task_later *l);
/* The bell's poke: soon, but not for each stroke. */
void task_later_ring(struct task_later *l);
void task_later_drain(struct task_later *l);
struct task_later *task_later_free(struct task_later *l);
