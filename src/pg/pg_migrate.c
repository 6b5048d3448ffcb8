/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */

/* Two hosts may migrate at once: each takes the same advisory lock first, which belongs to the session and so
 * falls with it however it ends. Whoever comes second finds everything applied. A file runs as one string of
 * statements inside BEGIN and COMMIT together with its row in schema_migration: all of it or nothing. */

#include "pg/pg_migrate.h"

#include <errno.h>
#include <stdio.h>

#include "base/alloc.h"
#include "base/buf.h"
#include "base/fd.h"
#include "base/parse.h"
#include "base/str.h"
#include "pg/pg_blocking.h"
#include "pg/pg_migration.h"
#include "pg/pg_params.h"

#define MIGRATION_MAX_BYTES (1024 * 1024)
#define LOCK_SQL "SELECT pg_advisory_lock(hashtext('lonja.schema_migration'))"
#define TABLE_SQL                                                                                            \
        "CREATE TABLE IF NOT EXISTS schema_migration ("                                                      \
        " version int PRIMARY KEY, name text NOT NULL, applied_at timestamptz NOT NULL DEFAULT now())"

/* The highest version; 0 without the table. */
static int read_version(PGconn *pg, int *ret_version, char *error, size_t error_size)
{
        _cleanup_result_ PGresult *exists = NULL;
        _cleanup_result_ PGresult *res = NULL;
        int64_t version = 0;
        int r;

        r = pg_blocking_run(pg, "SELECT to_regclass('schema_migration')", &exists, error, error_size);
        if (r < 0)
                return r;
        if (!PQgetisnull(exists, 0, 0)) {
                r = pg_blocking_run(pg, "SELECT max(version) FROM schema_migration", &res, error, error_size);
                if (r < 0)
                        return r;
                if (!PQgetisnull(res, 0, 0))
                        (void)parse_i64(PQgetvalue(res, 0, 0), &version);
        }
        *ret_version = (int)version;
        return 0;
}

/* "0003_x.sql:17: syntax error at or near ..." */
static void explain(const char *file, const char *sql, const PGresult *res, char *error, size_t error_size)
{
        const char *message = PQresultErrorField(res, PG_DIAG_MESSAGE_PRIMARY);
        const char *position = PQresultErrorField(res, PG_DIAG_STATEMENT_POSITION);
        uint64_t at = 0;
        unsigned line = 1;

        if (position && parse_u64(position, 1, MIGRATION_MAX_BYTES, &at) >= 0) {
                for (; *sql && at > 1; sql++) {
                        line += *sql == '\n';
                        at -= ((unsigned char)*sql & 0xc0) != 0x80; /* it counts characters */
                }
                snprintf(error, error_size, "%s:%u: %s", file, line, message ? message : "failed");
        } else {
                snprintf(error, error_size, "%s: %s", file, message ? message : PQresultErrorMessage(res));
        }
}

static int run_file(PGconn *pg, const char *file, const char *sql, char *error, size_t error_size)
{
        _cleanup_result_ PGresult *res = PQexec(pg, sql);
        ExecStatusType status = PQresultStatus(res);

        if (status == PGRES_FATAL_ERROR || status == PGRES_BAD_RESPONSE) {
                explain(file, sql, res, error, error_size);
                return PQstatus(pg) == CONNECTION_OK ? -EIO : -ENOTCONN;
        }
        if (PQtransactionStatus(pg) != PQTRANS_INTRANS) {
                snprintf(error, error_size, "%s: a migration must not end its transaction", file);
                return -EIO;
        }
        return 0;
}

static int record(PGconn *pg, const struct pg_migration *m, char *error, size_t error_size)
{
        _cleanup_result_ PGresult *res = NULL;
        char version[16], name[256];
        const char *values[] = {version, name};

        snprintf(version, sizeof(version), "%d", m->version);
        snprintf(name, sizeof(name), "%.*s", (int)(strlen(m->file) - strlen("NNNN_.sql")), m->file + 5);
        res = PQexecParams(pg, "INSERT INTO schema_migration (version, name) VALUES ($1, $2)", 2, NULL,
                           values, NULL, NULL, 0);
        if (PQresultStatus(res) == PGRES_COMMAND_OK)
                return 0;
        pg_first_line(error, error_size, PQerrorMessage(pg));
        return -EIO;
}

static int apply(PGconn *pg, const char *dir, const struct pg_migration *m, char *error, size_t error_size)
{
        _cleanup_free_ char *path = NULL;
        _cleanup_free_ char *sql = NULL;
        int r;

        if (asprintf(&path, "%s/%s", dir, m->file) < 0)
                return -ENOMEM;
        r = fd_read_file(path, MIGRATION_MAX_BYTES, &sql, NULL);
        if (r < 0) {
                snprintf(error, error_size, "%s: %s", path, strerror(-r));
                return r;
        }
        r = pg_blocking_run(pg, "BEGIN", NULL, error, error_size);
        if (r >= 0)
                r = run_file(pg, m->file, sql, error, error_size);
        if (r >= 0)
                r = record(pg, m, error, error_size);
        if (r >= 0)
                r = pg_blocking_run(pg, "COMMIT", NULL, error, error_size);
        return r; /* after an error the session ends, and with it the transaction */
}

/* By what is recorded, not by the highest number: two branches that met may leave a lower one behind. */
static bool is_applied(const PGresult *applied, int version)
{
        int64_t found;

        for (int i = 0; i < PQntuples(applied); i++)
                if (parse_i64(PQgetvalue(applied, i, 0), &found) == 0 && found == version)
                        return true;
        return false;
}

static int apply_all(PGconn *pg, const char *dir, const struct pg_migrations *all,
                     struct pg_migrate_report *report, void (*told)(const char *file))
{
        _cleanup_result_ PGresult *applied = NULL;
        size_t n = sizeof(report->error);
        int r;

        r = pg_blocking_run(pg, "SELECT version FROM schema_migration", &applied, report->error, n);
        if (r < 0)
                return r;
        for (size_t i = 0; i < all->n; i++) {
                const struct pg_migration *m = &all->items[i];

                if (is_applied(applied, m->version))
                        continue;
                r = apply(pg, dir, m, report->error, n);
                if (r < 0)
                        return r;
                report->version_after = MAX_OF(report->version_after, m->version);
                report->n_applied++;
                if (told)
                        told(m->file);
        }
        return 0;
}

int pg_migrate(const char *conninfo, const char *sql_dir, struct pg_migrate_report *report,
               void (*told)(const char *file))
{
        _cleanup_(pg_migrations_done) struct pg_migrations all = {0};
        _cleanup_pg_ PGconn *pg = NULL;
        size_t n = sizeof(report->error);
        int r;

        *report = (struct pg_migrate_report){0};
        r = pg_migrations_load(&all, sql_dir, report->error, n);
        if (r < 0)
                return r;
        r = pg_blocking_connect(&pg, conninfo, "lonja db", 0, report->error, n);
        if (r < 0)
                return r;
        r = pg_blocking_run(pg, LOCK_SQL, NULL, report->error, n);
        if (r >= 0)
                r = pg_blocking_run(pg, TABLE_SQL, NULL, report->error, n);
        if (r >= 0)
                r = read_version(pg, &report->version_before, report->error, n);
        if (r < 0)
                return r;
        report->version_after = report->version_before;
        if (report->version_before > all.items[all.n - 1].version) {
                snprintf(report->error, n, "the schema has version %d, newer than %s", report->version_before,
                         all.items[all.n - 1].file);
                return -EPROTONOSUPPORT;
        }
        return apply_all(pg, sql_dir, &all, report, told);
}

int pg_schema_version(const char *conninfo, int *ret_version, char *error, size_t error_size)
{
        _cleanup_pg_ PGconn *pg = NULL;
        int r;

        r = pg_blocking_connect(&pg, conninfo, "lonja db", 0, error, error_size);
        if (r < 0)
                return r;
        return read_version(pg, ret_version, error, error_size);
}
