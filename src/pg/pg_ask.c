/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */
#include "pg/pg_ask.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "pg/pg_blocking.h"

/* The server gives up first and says so; we do when it cannot. */
#define LIMIT_USEC (PG_ASK_SEC * USEC_PER_SEC)
#define STATEMENT_TIMEOUT_USEC (LIMIT_USEC - USEC_PER_SEC)

struct pg_asker {
        PGconn *pg; /* owned */
};

int pg_asker_new(struct pg_asker **ret, const char *conninfo, const char *application_name, char *error,
                 size_t error_size)
{
        _cleanup_(pg_asker_freep) struct pg_asker *a = new0(struct pg_asker, 1);
        int r;

        if (!a)
                return -ENOMEM;
        r = pg_blocking_connect(&a->pg, conninfo, application_name, STATEMENT_TIMEOUT_USEC, error,
                                error_size);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(a);
        return 0;
}

struct pg_asker *pg_asker_free(struct pg_asker *a)
{
        if (a)
                PQfinish(a->pg);
        free(a);
        return NULL;
}

int pg_asker_ask(struct pg_asker *a, const char *sql, const char *const *params, size_t n_params,
                 char **values, size_t n, char *error, size_t error_size)
{
        _cleanup_result_ PGresult *res = NULL;
        int r;

        r = pg_blocking_ask(a->pg, sql, params, n_params, LIMIT_USEC, &res, error, error_size);
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

int pg_ask(const char *conninfo, const char *sql, char **values, size_t n, char *error, size_t error_size)
{
        _cleanup_(pg_asker_freep) struct pg_asker *a = NULL;
        int r;

        r = pg_asker_new(&a, conninfo, "lonja", error, error_size);
        if (r < 0)
                return r;
        return pg_asker_ask(a, sql, NULL, 0, values, n, error, error_size);
}
