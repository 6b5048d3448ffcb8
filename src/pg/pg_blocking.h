/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */
#pragma once

/* libpq the simple way, for programs that do one thing after another. Private to pg/. */

#include <libpq-fe.h>

#include "base/clock.h"
#include "base/macro.h"

#define _cleanup_pg_ _cleanup_(pg_blocking_finishp)
#define _cleanup_result_ _cleanup_(pg_blocking_clearp)
void pg_blocking_finishp(PGconn **pg);
void pg_blocking_clearp(PGresult **res);

/* `statement_timeout_usec`: kept by the server; 0 is none. 0; -ENOTCONN, -EINVAL (conninfo) with a sentence
 * in `error`; -ENOMEM. */
int pg_blocking_connect(PGconn **ret, const char *conninfo, const char *application_name,
                        usec_t statement_timeout_usec, char *error, size_t error_size);
/* `ret` may be NULL. 0; -EIO: SQL; -ENOTCONN. */
int pg_blocking_run(PGconn *pg, const char *sql, PGresult **ret, char *error, size_t error_size);
/* One statement with text parameters whose rows come back within `limit_usec`, also from a server that hangs;
 * after -ETIMEDOUT the connection is of no use. Else as above. */
int pg_blocking_ask(PGconn *pg, const char *sql, const char *const *params, size_t n_params,
                    usec_t limit_usec, PGresult **ret, char *error, size_t error_size);
