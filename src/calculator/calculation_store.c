/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */

#include "calculator/calculation_store.h"

static const struct pg_statement finish_statement = {
        "calculation_finish",
        "SELECT calculation_finish($1, $2, $3, $4)",
};

static const struct pg_statement attempt_statement = {
        "calculation_attempt",
        "SELECT is_due, json FROM calculation_attempt($1, $2::int)",
};

void calculation_store_finish(struct pg_query *q, const char *id, const char *state, const char *result,
                              const char *error, pg_query_fn complete)
{
        pg_query_init(q, &finish_statement, complete);
        pg_query_text(q, id);
        pg_query_text(q, state);
        pg_query_text(q, result);
        pg_query_text(q, error);
}

void calculation_store_attempt(struct pg_query *q, const char *id, int64_t attempts_max, pg_query_fn complete)
{
        pg_query_init(q, &attempt_statement, complete);
        pg_query_text(q, id);
        pg_query_int(q, attempts_max);
}
