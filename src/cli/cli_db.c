/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */

/* lonja db: the schema. The database is that of the daemons: [Database] Conninfo= of lonja.conf. */

#include "cli/cli.h"

#include <errno.h>
#include <stdlib.h>

#include "cli/cli_conf.h"
#include "pg/pg_migrate.h"
#include "json/jwrite.h"

static const struct cli_option migrate_options[] = {
        {"sql-dir", "DIR", "the migrations (default " LONJA_DATADIR "/sql)"},
        {0},
};

static void tell_file(const char *file)
{
        fprintf(stderr, "applied %s\n", file);
}

static int db_failed(int r, const char *error)
{
        return cli_fail(r == -ENOTCONN ? CLI_UNREACHABLE : CLI_FAILED, "%s", error);
}

static void print_migrated(const struct cli *cli, const struct pg_migrate_report *report)
{
        if (cli->json)
                printf("{\"version\":%d,\"applied\":%d}\n", report->version_after, report->n_applied);
        else if (report->n_applied == 0)
                printf("The schema has version %d already.\n", report->version_after);
        else
                printf("The schema went from version %d to %d.\n", report->version_before,
                       report->version_after);
}

static int run_migrate(struct cli *cli)
{
        _cleanup_(cli_conf_done) struct cli_conf conf = {0};
        const char *sql_dir = cli_option(cli, "sql-dir"), *env = getenv("LONJA_SQL_DIR");
        struct pg_migrate_report report;
        int r;

        r = cli_conf_load(&conf, cli);
        if (r < 0)
                return CLI_FAILED;
        if (!sql_dir)
                sql_dir = env ? env : LONJA_DATADIR "/sql";
        r = pg_migrate(conf.pg.conninfo, sql_dir, &report, tell_file);
        if (r < 0)
                return db_failed(r, report.error);
        if (report.version_after < SCHEMA_VERSION)
                return cli_fail(CLI_FAILED, "%s ends at version %d, but this program needs %d", sql_dir,
                                report.version_after, SCHEMA_VERSION);
        print_migrated(cli, &report);
        return CLI_OK;
}

static int run_status(struct cli *cli)
{
        _cleanup_(cli_conf_done) struct cli_conf conf = {0};
        const char *state;
        char error[256];
        int version, r;

        r = cli_conf_load(&conf, cli);
        if (r < 0)
                return CLI_FAILED;
        r = pg_schema_version(conf.pg.conninfo, &version, error, sizeof(error));
        if (r < 0)
                return db_failed(r, error);
        state = version == SCHEMA_VERSION ? "current" : version < SCHEMA_VERSION ? "pending" : "too-new";
        if (cli->json)
                printf("{\"version\":%d,\"needed\":%d,\"state\":\"%s\"}\n", version, SCHEMA_VERSION, state);
        else
                printf("schema version  %d\nneeded          %d\nstate           %s\n", version,
                       SCHEMA_VERSION, state);
        return version == SCHEMA_VERSION ? CLI_OK : CLI_FAILED;
}

const struct cli_command cli_db_commands[] = {
        {"db", "migrate", "", 0, 0, "brings the schema to the version that this program needs",
         migrate_options, run_migrate},
        {"db", "status", "", 0, 0, "tells the schema's version; exit 1 unless it is the one needed", NULL,
         run_status},
        {0},
};
