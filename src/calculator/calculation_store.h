/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */
#pragma once

/* The worker's statements about a calculation's row (sql/0007_calculations.sql,
 * sql/0010_calculation_groups.sql), and about what has none (sql/0009_suspects.sql), all on the WRITE lane.
 */

#include "arithmetic/calculation_input.h"

#include "pg/pg_group.h"

/* The final states of jobs, their result_json or error_json. The answer's one column is the calculation as it
 * is then, or NULL when there is none. */
extern const struct pg_group_role calculation_store_finish;
/* Counts an attempt. The answer: is it to be computed, and if not, the calculation as it ended. */
void calculation_store_attempt(struct pg_query *q, const char *id, int64_t attempts_max,
                               pg_query_fn complete);
/* The same for one without a row. The answer: is it to be computed, and if not, its error. */
void calculation_store_suspect(struct pg_query *q, const char *key, int64_t attempts_max,
                               const struct calculation_input *input, const char *request_id,
                               pg_query_fn complete);
/* It has ended like any other. */
void calculation_store_cleared(struct pg_query *q, const char *key, pg_query_fn complete);
