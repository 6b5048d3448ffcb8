/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */
#pragma once

/* sql/NNNN_name.sql, applied in order, each once, each in its own transaction, under one advisory lock.
 * Blocking: only `lonja db migrate` calls it. */

#include <stddef.h>

/* What this build needs: generated from the sql/ folder (the highest number). */
#include "pg/schema_version.h"

struct pg_migrate_report {
        int version_before, version_after;
        int n_applied;
        char error[512]; /* what failed and where, for people */
};

/* 0; -ENOTCONN; -EPROTONOSUPPORT: the schema is newer than the folder; -EINVAL: a wrong conninfo or folder;
 * -EIO: SQL failed. `told` hears each applied file
 * name. */
int pg_migrate(const char *conninfo, const char *sql_dir, struct pg_migrate_report *report,
               void (*told)(const char *file));
/* Version of the schema, 0 for none. */
int pg_schema_version(const char *conninfo, int *ret_version, char *error, size_t error_size);
