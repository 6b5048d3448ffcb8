/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */
#include "pg/pg_blocking.h"

#include <errno.h>

#include "pg/pg_params.h"

void pg_blocking_finishp(PGconn **pg)
{
        PQfinish(*pg);
}

void pg_blocking_clearp(PGresult **res)
{
        PQclear(*res);
}

static void ignore_notice(void *context, const char *message)
{
}

int pg_blocking_connect(PGconn **ret, const char *conninfo, const char *application_name, char *error,
                        size_t error_size)
{
        _cleanup_pg_ PGconn *pg = NULL;
        struct pg_params params;
        int r;

        r = pg_params_init(&params, conninfo, PG_FOR_MIGRATION, application_name, 0, error, error_size);
        if (r < 0)
                return r;
        pg = PQconnectdbParams(params.keywords, params.values, 0);
        pg_params_done(&params);
        if (!pg)
                return -ENOMEM;
        if (PQstatus(pg) != CONNECTION_OK) {
                pg_first_line(error, error_size, PQerrorMessage(pg));
                return -ENOTCONN;
        }
        PQsetNoticeProcessor(pg, ignore_notice, NULL);
        *ret = TAKE_PTR(pg);
        return 0;
}

int pg_blocking_run(PGconn *pg, const char *sql, PGresult **ret, char *error, size_t error_size)
{
        PGresult *res = PQexec(pg, sql);
        ExecStatusType status = PQresultStatus(res);

        if (status != PGRES_TUPLES_OK && status != PGRES_COMMAND_OK) {
                pg_first_line(error, error_size, PQerrorMessage(pg));
                PQclear(res);
                return PQstatus(pg) == CONNECTION_OK ? -EIO : -ENOTCONN;
        }
        if (ret)
                *ret = res;
        else
                PQclear(res);
        return 0;
}
