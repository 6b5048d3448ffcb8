/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */
#include "pg/pg_blocking.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>

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

int pg_blocking_connect(PGconn **ret, const char *conninfo, const char *application_name,
                        usec_t statement_timeout_usec, char *error, size_t error_size)
{
        _cleanup_pg_ PGconn *pg = NULL;
        struct pg_params params;
        int r;

        r = pg_params_init(&params, conninfo, statement_timeout_usec > 0 ? PG_FOR_WRITES : PG_FOR_MIGRATION,
                           application_name, statement_timeout_usec, error, error_size);
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

/* Until a result is there. 0; -ETIMEDOUT; -ENOTCONN. */
static int wait_result(PGconn *pg, usec_t until)
{
        while (PQisBusy(pg)) {
                struct pollfd pfd = {.fd = PQsocket(pg), .events = POLLIN};
                usec_t now = clock_monotonic_usec();

                if (now >= until)
                        return -ETIMEDOUT;
                if (poll(&pfd, 1, (int)((until - now) / USEC_PER_MSEC) + 1) < 0 && errno != EINTR)
                        return -errno;
                if (pfd.revents != 0 && !PQconsumeInput(pg))
                        return -ENOTCONN;
        }
        return 0;
}

/* The answer to its end, so that the next statement may follow. */
static int take_answer(PGconn *pg, usec_t until, PGresult **ret)
{
        _cleanup_result_ PGresult *res = NULL;
        PGresult *next;
        int r;

        while ((r = wait_result(pg, until)) == 0 && (next = PQgetResult(pg))) {
                PQclear(res);
                res = next;
        }
        if (r == 0)
                *ret = TAKE_PTR(res);
        return r;
}

int pg_blocking_ask(PGconn *pg, const char *sql, const char *const *params, size_t n_params,
                    usec_t limit_usec, PGresult **ret, char *error, size_t error_size)
{
        _cleanup_result_ PGresult *res = NULL;
        int r = -ENOTCONN;

        if (PQsendQueryParams(pg, sql, (int)n_params, NULL, params, NULL, NULL, 0))
                r = take_answer(pg, usec_add(clock_monotonic_usec(), limit_usec), &res);
        if (r == -ETIMEDOUT)
                snprintf(error, error_size, "no answer within %llu s",
                         (unsigned long long)(limit_usec / USEC_PER_SEC));
        else if (PQresultStatus(res) != PGRES_TUPLES_OK)
                pg_first_line(error, error_size, PQerrorMessage(pg));
        if (r < 0)
                return r;
        if (PQresultStatus(res) != PGRES_TUPLES_OK)
                return PQstatus(pg) == CONNECTION_OK ? -EIO : -ENOTCONN;
        *ret = TAKE_PTR(res);
        return 0;
}
