/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */

/* cold-select CONNINFO SQL: connects, asks once, leaves.
 *
 * What the first answer of a daemon that slept cannot undercut: a process that is linked with libpq, a
 * server's process for it, one statement. */

#include <libpq-fe.h>
#include <stdio.h>
#include <stdlib.h>

int main(int argc, char *argv[])
{
        PGconn *c;
        PGresult *res;
        int status = EXIT_FAILURE;

        if (argc != 3) {
                fprintf(stderr, "usage: cold-select CONNINFO SQL\n");
                return 2;
        }
        c = PQconnectdb(argv[1]);
        res = PQexec(c, argv[2]);
        if (PQresultStatus(res) == PGRES_TUPLES_OK && PQntuples(res) == 1)
                status = EXIT_SUCCESS;
        else
                fprintf(stderr, "cold-select: %s", PQerrorMessage(c));
        PQclear(res);
        PQfinish(c);
        return status;
}
