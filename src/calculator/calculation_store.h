/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */
#pragma once

/* The worker's two statements about a calculation's row (sql/0005_calculations.sql), both on the WRITE lane.
 */

#include "pg/pg_query.h"

/* Its final state; `result` or `error` is JSON, the other NULL. The answer's one column is the calculation as
 * it is then, or NULL when there is none. */
void calculation_store_finish(struct pg_query *q, const char *id, const char *state, const char *result,
                              const char *error, pg_query_fn complete);
/* Counts an attempt. The answer: is it to be computed, and if not, the calculation as it ended. */
void calculation_store_attempt(struct pg_query *q, const char *id, int64_t attempts_max,
                               pg_query_fn complete);
