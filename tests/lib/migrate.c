/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */

/* migrate CONNINFO SQL_DIR: brings a test's database to this build's schema, without the lonja command. */

#include <stdio.h>

#include "pg/pg_migrate.h"

int main(int argc, char *argv[])
{
        struct pg_migrate_report report = {0};

        if (argc != 3) {
                fprintf(stderr, "usage: migrate CONNINFO SQL_DIR\n");
                return 2;
        }
        if (pg_migrate(argv[1], argv[2], &report, NULL) < 0) {
                fprintf(stderr, "migrate: %s\n", report.error);
                return 1;
        }
        return 0;
}
