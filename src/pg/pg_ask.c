/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */
#include "pg/pg_ask.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "pg/pg_blocking.h"

int pg_ask(const char *conninfo, const char *sql, char **values, size_t n, char *error, size_t error_size)
{
        _cleanup_pg_ PGconn *pg = NULL;
        _cleanup_result_ PGresult *res = NULL;
        int r;

        r = pg_blocking_connect(&pg, conninfo, "lonja", error, error_size);
        if (r < 0)
                return r;
        r = pg_blocking_run(pg, sql, &res, error, error_size);
        if (r < 0)
                return r;
        if (PQntuples(res) < 1 || (size_t)PQnfields(res) < n)
                return -ENODATA;
        for (size_t i = 0; i < n; i++) {
                values[i] = PQgetisnull(res, 0, (int)i) ? NULL : strdup(PQgetvalue(res, 0, (int)i));
                if (!values[i] && !PQgetisnull(res, 0, (int)i)) {
                        while (i > 0)
                                free(values[--i]);
                        return -ENOMEM;
                }
        }
        return 0;
}
