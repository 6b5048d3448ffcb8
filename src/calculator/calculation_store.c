/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */

#include "calculator/calculation_store.h"

#include "json/jwrite.h"

static const struct pg_statement finish_statement = {
        "calculation_finish_group",
        "SELECT * FROM calculation_finish_group($1)",
};

static const struct pg_statement attempt_statement = {
        "calculation_attempt",
        "SELECT is_due, json FROM calculation_attempt($1, $2::int)",
};

static const struct pg_statement suspect_statement = {
        "calculation_suspect",
        "SELECT is_due, error FROM calculation_suspect($1, $2::int, $3, $4, $5, $6::int, $7)",
};

static const struct pg_statement cleared_statement = {
        "calculation_cleared",
        "SELECT calculation_cleared($1)",
};

int calculation_store_records(struct pg_group_line **ret, sd_event *loop, struct pg_pool *pool)
{
        return pg_group_line_new(ret, loop, pool, &finish_statement);
}

int calculation_store_finish(struct pg_member *m, struct pg_group_line *line, const char *id,
                             const char *state, const char *result, const char *error, usec_t deadline_usec,
                             pg_member_fn complete)
{
        struct buf item = BUF_EMPTY;
        struct jwrite w = jwrite_to(&item);

        jwrite_object_begin(&w);
        jwrite_pair(&w, "id", id);
        jwrite_pair(&w, "state", state);
        jwrite_pair(&w, "result", result);
        jwrite_pair(&w, "error", error);
        jwrite_object_end(&w);
        return pg_member_submit(m, line, &item, deadline_usec, complete);
}

void calculation_store_attempt(struct pg_query *q, const char *id, int64_t attempts_max, pg_query_fn complete)
{
        pg_query_init(q, &attempt_statement, complete);
        pg_query_text(q, id);
        pg_query_int(q, attempts_max);
}

void calculation_store_suspect(struct pg_query *q, const char *key, int64_t attempts_max,
                               const struct calculation_input *input, const char *request_id,
                               pg_query_fn complete)
{
        pg_query_init(q, &suspect_statement, complete);
        pg_query_text(q, key);
        pg_query_int(q, attempts_max);
        pg_query_text(q, input->expression);
        pg_query_text(q, input->operation);
        pg_query_text(q, input->operands);
        pg_query_int(q, input->digits);
        pg_query_text(q, request_id);
}

void calculation_store_cleared(struct pg_query *q, const char *key, pg_query_fn complete)
{
        pg_query_init(q, &cleared_statement, complete);
        pg_query_text(q, key);
}
