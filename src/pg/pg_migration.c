/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */
#include "pg/pg_migration.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>

#include "base/alloc.h"
#include "base/macro.h"
#include "base/str.h"

#define DIGITS "0123456789"
#define NAME_CHARS "abcdefghijklmnopqrstuvwxyz0123456789_"

int pg_migration_parse(const char *file)
{
        int version = 0;
        size_t n;

        if (strspn(file, DIGITS) != 4 || file[4] != '_')
                return -EINVAL;
        n = strspn(file + 5, NAME_CHARS);
        if (n == 0 || !streq(file + 5 + n, ".sql"))
                return -EINVAL;
        for (int i = 0; i < 4; i++)
                version = 10 * version + (file[i] - '0');
        return version > 0 ? version : -EINVAL;
}

static void dir_closep(DIR **d)
{
        if (*d)
                closedir(*d);
}

static int compare(const void *a, const void *b)
{
        const struct pg_migration *x = a, *y = b;

        return (x->version > y->version) - (x->version < y->version);
}

static int migrations_add(struct pg_migrations *m, int version, const char *file)
{
        struct pg_migration *items;

        items = reallocarray(m->items, m->n + 1, sizeof(*items));
        if (!items)
                return -ENOMEM;
        m->items = items;
        items[m->n] = (struct pg_migration){.version = version, .file = strdup(file)};
        if (!items[m->n].file)
                return -ENOMEM;
        m->n++;
        return 0;
}

static int check_order(const struct pg_migrations *m, char *error, size_t error_size)
{
        for (size_t i = 1; i < m->n; i++) {
                if (m->items[i].version != m->items[i - 1].version)
                        continue;
                snprintf(error, error_size, "%s and %s have the same number", m->items[i - 1].file,
                         m->items[i].file);
                return -EINVAL;
        }
        return 0;
}

static int read_dir(struct pg_migrations *m, const char *dir, char *error, size_t error_size)
{
        _cleanup_(dir_closep) DIR *d = opendir(dir);
        struct dirent *entry;
        int r;

        if (!d) {
                r = -errno;
                snprintf(error, error_size, "%s: %s", dir, strerror(errno));
                return r;
        }
        while ((entry = readdir(d))) {
                if (!endswith(entry->d_name, ".sql"))
                        continue;
                r = pg_migration_parse(entry->d_name);
                if (r < 0) {
                        snprintf(error, error_size, "%s/%s: the name is not NNNN_name.sql", dir,
                                 entry->d_name);
                        return r;
                }
                r = migrations_add(m, r, entry->d_name);
                if (r < 0)
                        return r;
        }
        if (m->n > 0)
                return 0;
        snprintf(error, error_size, "%s: no migrations there", dir);
        return -ENOENT;
}

int pg_migrations_load(struct pg_migrations *m, const char *dir, char *error, size_t error_size)
{
        int r;

        *m = (struct pg_migrations){0};
        r = read_dir(m, dir, error, error_size);
        if (r >= 0) {
                qsort(m->items, m->n, sizeof(*m->items), compare);
                r = check_order(m, error, error_size);
        }
        if (r < 0)
                pg_migrations_done(m);
        return r;
}

void pg_migrations_done(struct pg_migrations *m)
{
        for (size_t i = 0; i < m->n; i++)
                free(m->items[i].file);
        free(m->items);
        *m = (struct pg_migrations){0};
}
