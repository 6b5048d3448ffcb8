/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */
#pragma once

/* The statements of sql/0006_tasks.sql. Each prepares `q`; all go to the lane WRITE. */

#include "contract/task_message.h"
#include "pg/pg_query.h"

enum task_verdict {
        TASK_RUN,
        TASK_DONE,
        TASK_LATER,
        TASK_EXPIRED,
        TASK_PARKED,
        TASK_REUSED,
        TASK_BUSY,
        TASK_SUSPECT,
};
enum { TASK_COLUMN_VERDICT, TASK_COLUMN_STATUS, TASK_COLUMN_RESULT, TASK_COLUMN_ATTEMPTS };

void task_store_begin(struct pg_query *q, const struct task_message *m, const char *queue, const char *hash,
                      bool is_redelivered, bool has_turn, uint64_t max_attempts, pg_query_fn complete);
/* 0, or -EBADMSG. */
int task_store_verdict(const struct pg_query *q, enum task_verdict *ret);
/* Answers status and result as they are from now on: an earlier end stays. */
void task_store_end(struct pg_query *q, const char *id, const char *status, const char *result,
                    pg_query_fn complete);
void task_store_unbegin(struct pg_query *q, const char *id, pg_query_fn complete);
/* Until `due_usec` since 1970, or (TASK_NO_TIME) for `delay_usec`. */
void task_store_postpone(struct pg_query *q, const char *id, const char *queue, const char *status,
                         int64_t due_usec, usec_t delay_usec, const struct buf *message,
                         pg_query_fn complete);

enum { TASK_DUE_ID, TASK_DUE_AT, TASK_DUE_MESSAGE, TASK_DUE_WAIT_MS };
void task_store_due(struct pg_query *q, const char *queue, int64_t limit, int64_t lease_sec,
                    pg_query_fn complete);
void task_store_sent(struct pg_query *q, const char *id, const char *due, bool is_sent, pg_query_fn complete);
