/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */

#include "base/macro.h"
#include "gateway/calculation_internal.h"
#include "json/jwrite.h"

/* A worker that is there takes seconds at most; after this the message is taken for lost. */
#define RESEND_AGE "interval '30 s'"
/* At a time; the next sweep comes in a second. */
#define SWEEP_LIMIT "500"

static const struct pg_statement read_statement = {
        "calculation_read",
        "SELECT calculation_json(c), c.state NOT IN ('queued', 'running') FROM calculation c WHERE c.id = $1",
};

static const struct pg_statement cancel_statement = {
        "calculation_cancel",
        "SELECT * FROM calculation_cancel($1, $2, $3)",
};

static const struct pg_statement look_statement = {
        "calculation_look",
        "SELECT EXISTS (SELECT FROM calculation WHERE state IN ('queued', 'running') AND deadline <= now()),"
        " EXISTS (SELECT FROM calculation WHERE state IN ('queued', 'running')"
        " AND sent_at <= now() - " RESEND_AGE ")",
};

static const struct pg_statement expire_statement = {
        "calculation_expire",
        "SELECT calculation_expire(" SWEEP_LIMIT ")",
};

static const struct pg_statement resend_statement = {
        "calculation_resend",
        "SELECT id, expression, digits, deadline, request_id FROM calculation_resend(" RESEND_AGE
        ", " SWEEP_LIMIT ")",
};

static const struct pg_statement unsent_statement = {
        "calculation_unsent",
        "SELECT calculation_unsent($1::text[])",
};

static void write_submission(const struct pg_member *m, struct buf *out)
{
        const struct calculation_command *c = container_of(m, struct calculation_command, submission);
        struct jwrite w = jwrite_to(out);

        jwrite_object_begin(&w);
        if (c->key) {
                jwrite_pair(&w, "key", c->key);
                jwrite_pair(&w, "hash", c->hash);
        }
        jwrite_pair(&w, "request_id", c->request_id);
        jwrite_pair(&w, "id", c->id);
        jwrite_pair(&w, "expression", c->input.expression);
        jwrite_pair(&w, "operation", c->input.operation);
        jwrite_pair(&w, "operands", c->input.operands);
        jwrite_key(&w, "digits");
        jwrite_int(&w, c->input.digits);
        jwrite_pair(&w, "deadline", c->input.deadline);
        jwrite_key(&w, "is_sent");
        jwrite_bool(&w, c->is_sent || calculation_feed_can_send(&c->calculations->feed));
        jwrite_object_end(&w);
}

const struct pg_group_role calculation_store_submit = {
        .statement = {"calculation_submit_group", "SELECT * FROM calculation_submit_group($1)"},
        .running_max = 2, /* while one commits the next is worked at */
        .write = write_submission,
};

void calculation_store_read(struct pg_query *q, const char *id, pg_query_fn complete)
{
        pg_query_init(q, &read_statement, complete);
        pg_query_text(q, id);
}

void calculation_store_cancel(struct pg_query *q, const char *key, const char *hash, const char *id,
                              pg_query_fn complete)
{
        pg_query_init(q, &cancel_statement, complete);
        pg_query_text(q, key);
        pg_query_text(q, key ? hash : NULL);
        pg_query_text(q, id);
}

void calculation_store_look(struct pg_query *q, pg_query_fn complete)
{
        pg_query_init(q, &look_statement, complete);
}

void calculation_store_expire(struct pg_query *q, pg_query_fn complete)
{
        pg_query_init(q, &expire_statement, complete);
}

void calculation_store_resend(struct pg_query *q, pg_query_fn complete)
{
        pg_query_init(q, &resend_statement, complete);
}

void calculation_store_unsent(struct pg_query *q, const char *ids, pg_query_fn complete)
{
        pg_query_init(q, &unsent_statement, complete);
        pg_query_text(q, ids);
}

struct calculation_letter calculation_store_letter(const struct pg_query *q, size_t row)
{
        return (struct calculation_letter){
                .id = pg_row_text(q, row, 0),
                .expression = pg_row_text(q, row, 1),
                .digits = pg_row_int(q, row, 2),
                .deadline = pg_row_is_null(q, row, 3) ? NULL : pg_row_text(q, row, 3),
                .request_id = pg_row_is_null(q, row, 4) ? NULL : pg_row_text(q, row, 4),
                .is_kept = true,
        };
}
