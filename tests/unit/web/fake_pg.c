/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */
#include "fake_pg.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

static struct pg_query *submitted[4];
static size_t n_submitted;
static int failure;

struct pg_query *fake_pg_submitted(size_t i)
{
        return i < n_submitted ? submitted[i] : NULL;
}

void fake_pg_reset(void)
{
        n_submitted = 0;
        failure = 0;
}

void fake_pg_fail(int error)
{
        failure = error;
}

void fake_pg_complete(struct pg_query *q, int status, const struct fake_rows *rows)
{
        q->status = status;
        q->result = (void *)rows;
        q->complete(q);
}

void pg_query_init(struct pg_query *q, const struct pg_statement *statement, pg_query_fn complete)
{
        *q = (struct pg_query){.statement = statement, .complete = complete};
}

void pg_query_text(struct pg_query *q, const char *value)
{
        q->n_params++;
}

void pg_query_int(struct pg_query *q, int64_t value)
{
        q->n_params++;
}

void pg_query_bytes(struct pg_query *q, const void *p, size_t n)
{
        q->n_params++;
}

void pg_query_null(struct pg_query *q)
{
        q->n_params++;
}

int pg_query_submit(struct pg_query *q, struct pg_pool *pool, enum pg_lane lane, usec_t deadline_usec)
{
        if (failure < 0)
                return failure;
        assert(n_submitted < 4);
        submitted[n_submitted++] = q;
        return 0;
}

void pg_query_cancel(struct pg_query *q)
{
}

void pg_query_done(struct pg_query *q)
{
        memset(q, 0, sizeof(*q));
}

static const char *cell(const struct pg_query *q, size_t row, unsigned column)
{
        const struct fake_rows *rows = q->result;

        return rows->rows[row][column];
}

size_t pg_query_rows(const struct pg_query *q)
{
        const struct fake_rows *rows = q->result;

        return rows ? rows->n_rows : 0;
}

bool pg_row_is_null(const struct pg_query *q, size_t row, unsigned column)
{
        return !cell(q, row, column);
}

const char *pg_row_text(const struct pg_query *q, size_t row, unsigned column)
{
        const char *text = cell(q, row, column);

        return text ? text : "";
}

size_t pg_row_size(const struct pg_query *q, size_t row, unsigned column)
{
        return strlen(pg_row_text(q, row, column));
}

int64_t pg_row_int(const struct pg_query *q, size_t row, unsigned column)
{
        return atoll(pg_row_text(q, row, column));
}
