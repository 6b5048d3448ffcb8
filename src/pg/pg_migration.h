/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */
#pragma once

/* The files of a sql/ folder. Private to pg/. */

#include <stddef.h>

#define PG_MIGRATIONS_MAX 9999 /* four digits */

struct pg_migration {
        int version;
        char *file; /* owned; "0001_foundation.sql" */
};

struct pg_migrations {
        struct pg_migration *items; /* owned, by version */
        size_t n;
};

/* "NNNN_name.sql" with four digits, not 0000, and a name of [a-z0-9_] -> its version; -EINVAL. */
int pg_migration_parse(const char *file);
/* Reads a folder. 0; -EINVAL: a .sql file with a wrong name, or two of one version, named in `error`;
 * -ENOENT: no such folder, or no migration in it; -errno. */
int pg_migrations_load(struct pg_migrations *m, const char *dir, char *error, size_t error_size);
void pg_migrations_done(struct pg_migrations *m);
