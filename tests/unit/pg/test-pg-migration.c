/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/macro.h"
#include "base/str.h"
#include "pg/pg_migration.h"
#include "pg/schema_version.h"

/* Only NNNN_name.sql is a migration. */
static void test_names(void **state)
{
        assert_int_equal(pg_migration_parse("0001_foundation.sql"), 1);
        assert_int_equal(pg_migration_parse("0123_a_b2.sql"), 123);
        assert_int_equal(pg_migration_parse("9999_z.sql"), 9999);
        assert_int_equal(pg_migration_parse("0000_zero.sql"), -EINVAL);
        assert_int_equal(pg_migration_parse("001_short.sql"), -EINVAL);
        assert_int_equal(pg_migration_parse("00001_long.sql"), -EINVAL);
        assert_int_equal(pg_migration_parse("0001foo.sql"), -EINVAL);
        assert_int_equal(pg_migration_parse("0001_.sql"), -EINVAL);
        assert_int_equal(pg_migration_parse("0001_Foo.sql"), -EINVAL);
        assert_int_equal(pg_migration_parse("0001_foo.sql~"), -EINVAL);
        assert_int_equal(pg_migration_parse(""), -EINVAL);
}

struct folder {
        char dir[32];
        const char *const *files;
};

static void folder_make(struct folder *f, const char *const *files)
{
        char path[128];

        f->files = files;
        snprintf(f->dir, sizeof(f->dir), "/tmp/lonja-sql-XXXXXX");
        assert_non_null(mkdtemp(f->dir));
        for (; *files; files++) {
                FILE *file;

                snprintf(path, sizeof(path), "%s/%s", f->dir, *files);
                file = fopen(path, "we");
                assert_non_null(file);
                fclose(file);
        }
}

static void folder_remove(struct folder *f)
{
        char path[128];

        for (; *f->files; f->files++) {
                snprintf(path, sizeof(path), "%s/%s", f->dir, *f->files);
                unlink(path);
        }
        rmdir(f->dir);
}

/* Whatever order the folder has, migrations come by number; other files are none of ours. */
static void test_order(void **state)
{
        const char *const files[] = {"0010_ten.sql", "0002_two.sql", "README",
                                     "0001_one.sql", "0003_x.txt",   NULL};
        struct pg_migrations m;
        struct folder f;
        char error[160];

        folder_make(&f, files);
        assert_int_equal(pg_migrations_load(&m, f.dir, error, sizeof(error)), 0);
        assert_int_equal(m.n, 3);
        assert_string_equal(m.items[0].file, "0001_one.sql");
        assert_string_equal(m.items[1].file, "0002_two.sql");
        assert_int_equal(m.items[2].version, 10);
        pg_migrations_done(&m);
        folder_remove(&f);
}

/* A folder that cannot be meant is refused, and the file named. */
static void test_refused(void **state)
{
        const char *const twins[] = {"0001_one.sql", "0002_a.sql", "0002_b.sql", NULL};
        const char *const odd[] = {"0001_one.sql", "two.sql", NULL};
        const char *const none[] = {"README", NULL};
        struct pg_migrations m;
        struct folder f;
        char error[160];

        folder_make(&f, twins);
        assert_int_equal(pg_migrations_load(&m, f.dir, error, sizeof(error)), -EINVAL);
        assert_non_null(strstr(error, "0002_a.sql and 0002_b.sql"));
        folder_remove(&f);
        folder_make(&f, odd);
        assert_int_equal(pg_migrations_load(&m, f.dir, error, sizeof(error)), -EINVAL);
        assert_non_null(strstr(error, "two.sql"));
        folder_remove(&f);
        folder_make(&f, none);
        assert_int_equal(pg_migrations_load(&m, f.dir, error, sizeof(error)), -ENOENT);
        folder_remove(&f);
        assert_int_equal(pg_migrations_load(&m, f.dir, error, sizeof(error)), -ENOENT);
}

/* The tree's own folder is what this build was made for: the list in sql/local.mk forgets no file. */
static void test_own_folder(void **state)
{
        const char *top = getenv("top_srcdir");
        struct pg_migrations m;
        char dir[4096], error[160];

        if (!top)
                skip();
        snprintf(dir, sizeof(dir), "%s/sql", top);
        assert_int_equal(pg_migrations_load(&m, dir, error, sizeof(error)), 0);
        assert_int_equal(m.items[m.n - 1].version, SCHEMA_VERSION);
        pg_migrations_done(&m);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_names),
                cmocka_unit_test(test_order),
                cmocka_unit_test(test_refused),
                cmocka_unit_test(test_own_folder),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
