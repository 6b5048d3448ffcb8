/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */

#include "calculator/calculation_store.h"

#include "calculator/job.h"
#include "json/jwrite.h"

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

static void write_finished(const struct pg_member *m, struct buf *out)
{
        const struct job *j = container_of(m, struct job, record);
        struct jwrite w = jwrite_to(out);

        jwrite_object_begin(&w);
        jwrite_pair(&w, "id", j->id);
        jwrite_pair(&w, "state", j->result_json ? "done" : "failed");
        jwrite_pair(&w, "result", j->result_json);
        jwrite_pair(&w, "error", j->error_json);
        jwrite_object_end(&w);
}

const struct pg_group_role calculation_store_finish = {
        .statement = {"calculation_finish_group", "SELECT * FROM calculation_finish_group($1)"},
        .running_max = 2, /* while one commits the next is worked at */
        .write = write_finished,
};

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
