/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */
#pragma once

/* The statements about firings on their way, all for the WRITE lane (sql/NNNN_schedules.sql). */

#include "pg/pg_query.h"

#define TASK_ID_SIZE 37 /* a UUID and a NUL */

/* Rows to send, which are the caller's for `lease_usec`. */
#define FIRING_TAKE_MAX 500
void firing_store_take(struct pg_query *q, usec_t lease_usec, pg_query_fn complete);
/* `ids`: "{uuid,uuid}". */
void firing_store_sent(struct pg_query *q, const char *ids, pg_query_fn complete);
void firing_store_unsent(struct pg_query *q, const char *ids, usec_t pause_usec, const char *error,
                         pg_query_fn complete);
/* `results`: JSON, see firing_results(). A row for each schedule that was paused by it. */
void firing_store_results(struct pg_query *q, const char *results, size_t n, pg_query_fn complete);

/* A row of firing_order; texts are borrowed from the query. One without task id is none to send: it tells
 * that so many times (priority) from nominal to due were missed. */
struct firing_order {
        const char *task_id, *task, *args, *kwargs, *queue, *schedule;
        size_t args_size, kwargs_size;
        int64_t priority, nominal_usec, due_usec, expires_usec; /* expires: INT64_MIN = never */
};
void firing_order_read(const struct pg_query *q, size_t row, struct firing_order *ret);

/* Whether PostgreSQL takes it for a uuid in its usual form. */
bool task_id_is_uuid(const char *id);
