/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */
#include "pg/pg_query.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>

#include "base/parse.h"
#include "base/str.h"
#include "pg/pg_conn.h"

void pg_query_init(struct pg_query *q, const struct pg_statement *statement, pg_query_fn complete)
{
        pg_query_done(q);
        *q = (struct pg_query){.statement = statement, .complete = complete};
}

/* Parameters lie behind each other, each with its NUL as libpq wants text: in `small` while they fit, moved
 * to the heap as a whole when they do not. */
static char *params_reserve(struct pg_query *q, size_t n, size_t *ret_offset)
{
        if (!q->params.data && q->n_small + n <= sizeof(q->small)) {
                *ret_offset = q->n_small;
                q->n_small += (unsigned)n;
                return q->small + *ret_offset;
        }
        if (!q->params.data)
                buf_append(&q->params, q->small, q->n_small);
        *ret_offset = buf_size(&q->params);
        return *ret_offset + n > INT_MAX ? NULL : buf_reserve(&q->params, n);
}

static void params_commit(struct pg_query *q, size_t n)
{
        if (q->params.data)
                buf_commit(&q->params, n);
}

/* Too many parameters are a programming error, and text that does not fit shows at submit. */
static char *param_add(struct pg_query *q, size_t n)
{
        size_t offset;
        char *p;

        assert(q->n_params < PG_PARAMS_MAX);
        p = params_reserve(q, n + 1, &offset);
        if (!p) {
                q->params.failed = true;
                return NULL;
        }
        p[n] = '\0';
        params_commit(q, n + 1);
        q->offsets[q->n_params++] = (int)offset;
        return p;
}

void pg_query_null(struct pg_query *q)
{
        assert(q->n_params < PG_PARAMS_MAX);
        q->offsets[q->n_params++] = -1;
}

void pg_query_text_n(struct pg_query *q, const char *value, size_t n)
{
        char *p = param_add(q, n);

        if (p && n > 0)
                memcpy(p, value, n);
}

void pg_query_text(struct pg_query *q, const char *value)
{
        if (value)
                pg_query_text_n(q, value, strlen(value));
        else
                pg_query_null(q);
}

void pg_query_int(struct pg_query *q, int64_t value)
{
        char text[24];

        pg_query_text_n(q, text, (size_t)snprintf(text, sizeof(text), "%lld", (long long)value));
}

void pg_query_bool(struct pg_query *q, bool value)
{
        pg_query_text_n(q, value ? "t" : "f", 1);
}

void pg_query_bytes(struct pg_query *q, const void *p, size_t n)
{
        char *out = param_add(q, 2 + 2 * n);

        if (!out)
                return;
        out[0] = '\\';
        out[1] = 'x';
        hex_encode(p, n, out + 2);
}

void pg_query_done(struct pg_query *q)
{
        pg_query_cancel(q);
        PQclear(TAKE_PTR(q->result));
        buf_done(&q->params);
        q->n_small = 0;
}

void pg_query_set_error(struct pg_query *q, const PGresult *res)
{
        const char *sqlstate = PQresultErrorField(res, PG_DIAG_SQLSTATE);
        const char *message = PQresultErrorField(res, PG_DIAG_MESSAGE_PRIMARY);

        snprintf(q->sqlstate, sizeof(q->sqlstate), "%s", sqlstate ? sqlstate : "");
        pg_first_line(q->error, sizeof(q->error), message ? message : PQresultErrorMessage(res));
}

void pg_query_settle(struct pg_query *q, int status)
{
        if (status < 0)
                PQclear(TAKE_PTR(q->result));
        q->connection = NULL;
        q->state = PG_QUERY_IDLE;
        q->status = status;
        pg_pool_count(q->pool, status);
        q->complete(q);
}

void pg_query_settle_all(struct list *jobs, int status)
{
        while (!list_is_empty(jobs)) {
                struct pg_query *q = LIST_ENTRY(list_first(jobs), struct pg_query, link);

                list_remove(&q->link);
                pg_query_settle(q, status);
        }
}

size_t pg_query_rows(const struct pg_query *q)
{
        return q->result ? (size_t)PQntuples(q->result) : 0;
}

bool pg_row_is_null(const struct pg_query *q, size_t row, unsigned column)
{
        return PQgetisnull(q->result, (int)row, (int)column);
}

const char *pg_row_text(const struct pg_query *q, size_t row, unsigned column)
{
        return PQgetvalue(q->result, (int)row, (int)column);
}

size_t pg_row_size(const struct pg_query *q, size_t row, unsigned column)
{
        return (size_t)PQgetlength(q->result, (int)row, (int)column);
}

int64_t pg_row_int(const struct pg_query *q, size_t row, unsigned column)
{
        int64_t value = 0;

        (void)parse_i64(pg_row_text(q, row, column), &value);
        return value;
}

bool pg_row_bool(const struct pg_query *q, size_t row, unsigned column)
{
        return *pg_row_text(q, row, column) == 't';
}
