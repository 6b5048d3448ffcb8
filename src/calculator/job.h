/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */
#pragma once

/* One message in hand, from its delivery to its settlement.
 *
 *     WAITING --its turn--> COMPUTING --kept--> RECORDING --committed--> ANSWERING --> settled, freed
 *        |                     ^    |              |  ^                      ^
 *        |  delivered before   |    |       failed |  | pause                |
 *        +----> ATTEMPTING ----+    |              PAUSING                   |
 *                    |              +----------- not kept -------------------+
 *                    +--- has ended already, or was parked ------------------+
 *
 * Kept (durable): the message names a row; the result is recorded in it, the message acked after that commit,
 * and whoever waits is told.  A message may come before its row is committed: a row that is not there is
 * looked for again, a few times.  Not kept: the answer is all there is, and the message is acked when the
 * broker has it.
 *
 * Who was delivered before may be what killed its worker: it is computed alone, and counted before, in its
 * row or, as a suspect, by a digest of the message.  Others that were merely in the same hand are counted,
 * too, but only when they begin: random crashes do not add up. */

#include "auth/auth_digest.h"

#include "base/list.h"
#include "calculator/computation.h"
#include "mq/mq_consume.h"
#include "mq/mq_publish.h"
#include "pg/pg_group.h"
#include "service/loop.h"

/* One statement may wait so long for a connection before we look again whether we are to leave. */
#define JOB_STATEMENT_USEC (10 * USEC_PER_SEC)

struct calculator;

enum job_state { JOB_WAITING, JOB_ATTEMPTING, JOB_COMPUTING, JOB_RECORDING, JOB_PAUSING, JOB_ANSWERING };

struct job {
        struct list_link link; /* of job_queue.waiting or .active */
        struct calculator *calculator;
        enum job_state state;
        uint64_t tag;
        unsigned generation;
        bool was_delivered_before, is_alone, is_parked;
        unsigned n_absent;                            /* how often its row was not there */
        char suspect[AUTH_DIGEST_HEX_SIZE];           /* not kept and delivered before; "" else */
        char *id;                                     /* owned; the row, or NULL when it is not kept */
        char *reply_to, *correlation_id, *request_id; /* owned; may be NULL */
        struct computation computation;
        char *result_json, *error_json; /* owned; what it came to */

        struct pg_query query;
        struct pg_member record;
        struct mq_publish publish;
        struct loop_timer pause;
};

struct job_queue {
        struct list waiting, active; /* struct job, owned */
        unsigned n_computing;        /* of the active: attempting or computing */
        bool is_alone;               /* one that must be alone is among them */
};

void job_queue_init(struct job_queue *q);
/* Takes a delivery in hand, or settles it when it cannot be understood. */
void job_accept(struct calculator *c, const struct mq_delivery *d);
/* Leaving: what has not begun goes back to the queue. */
void job_queue_drain(struct calculator *c);
/* For job_accept.c: begins what may begin. */
void job_start_waiting(struct calculator *c);
/* Its turn: counts an attempt and computes, or tells what it came to before. */
void job_begin_attempt(struct job *j);
void job_compute(struct job *j);
/* Lets others compute. */
void job_leave_turn(struct job *j);
/* The row is final, `json`. */
void job_recorded(struct job *j, const char *json, size_t n);
/* Records or answers result_json or error_json. */
void job_tell(struct job *j);
void job_end(struct job *j);
void job_requeue(struct job *j);
/* Whatever is left is forgotten; the broker delivers it again. After the offload's end. */
void job_queue_done(struct calculator *c);
