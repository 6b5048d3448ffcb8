/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */
#pragma once

/* Blocking questions to the database, for programs that do one thing after another: the command line and the
 * sweep.  Connecting, and each answer, takes PG_ASK_SEC at most, also with a server that hangs. */

#include <stddef.h>

#include "base/macro.h"

#define PG_ASK_SEC 10

struct pg_asker;

/* Connects. 0; -ENOTCONN, -EINVAL (conninfo) with a sentence in `error`; -ENOMEM. */
int pg_asker_new(struct pg_asker **ret, const char *conninfo, const char *application_name, char *error,
                 size_t error_size);
struct pg_asker *pg_asker_free(struct pg_asker *a);
DEFINE_FREEP(struct pg_asker, pg_asker_free)
/* The first row of `sql`, which has `n` columns: values[i] is owned text, NULL for SQL NULL. `params` are
 * text. 0; -ENODATA: no row; -ENOTCONN, -ETIMEDOUT, -EIO with a sentence in `error`; -ENOMEM. */
int pg_asker_ask(struct pg_asker *a, const char *sql, const char *const *params, size_t n_params,
                 char **values, size_t n, char *error, size_t error_size);

/* One question over a connection of its own. Errors of both above. */
int pg_ask(const char *conninfo, const char *sql, char **values, size_t n, char *error, size_t error_size);
