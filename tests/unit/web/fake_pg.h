/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */
#pragma once

/* Queries without a database: what was submitted waits for the test to complete it with rows. */

#include "pg/pg_query.h"

#define FAKE_COLUMNS_MAX 8
#define FAKE_PARAMS_MAX PG_PARAMS_MAX

struct fake_rows {
        size_t n_rows;
        const char *const (*rows)[FAKE_COLUMNS_MAX]; /* NULL is SQL NULL */
};

/* The i-th query submitted since fake_pg_reset(), or NULL. */
struct pg_query *fake_pg_submitted(size_t i);
void fake_pg_reset(void);
/* What pg_query_submit() returns from now on. */
void fake_pg_fail(int error);
void fake_pg_complete(struct pg_query *q, int status, const struct fake_rows *rows);
