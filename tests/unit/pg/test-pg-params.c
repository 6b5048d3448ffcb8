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
#include <sys/stat.h>
#include <unistd.h>

#include "base/str.h"
#include "pg/pg_params.h"

static struct pg_params make(const char *conninfo, enum pg_purpose purpose)
{
        struct pg_params p;
        char error[160];

        assert_int_equal(
                pg_params_init(&p, conninfo, purpose, "lonja-test", 30 * USEC_PER_SEC, error, sizeof(error)),
                0);
        return p;
}

/* What the administrator says stands; where it says nothing, ours. */
static void test_precedence(void **state)
{
        struct pg_params p =
                make("host=db1 dbname=lonja tcp_user_timeout=9 gssencmode=prefer", PG_FOR_WRITES);

        assert_string_equal(pg_params_get(&p, "host"), "db1");
        assert_string_equal(pg_params_get(&p, "tcp_user_timeout"), "9");
        assert_string_equal(pg_params_get(&p, "gssencmode"), "prefer");
        assert_string_equal(pg_params_get(&p, "keepalives_idle"), "30");
        assert_string_equal(pg_params_get(&p, "fallback_application_name"), "lonja-test");
        assert_null(pg_params_get(&p, "password"));
        assert_null(p.keywords[p.n]);
        pg_params_done(&p);
}

/* URIs are as good as keywords. */
static void test_uri(void **state)
{
        struct pg_params p = make("postgresql://ana@db2:5433/lonja?sslmode=require", PG_FOR_READS);

        assert_string_equal(pg_params_get(&p, "user"), "ana");
        assert_string_equal(pg_params_get(&p, "port"), "5433");
        assert_string_equal(pg_params_get(&p, "sslmode"), "require");
        pg_params_done(&p);
}

/* Each purpose has its session settings, and the administrator's come later, so that they win. */
static void test_options(void **state)
{
        struct pg_params p = make("dbname=x options='-c work_mem=1MB'", PG_FOR_READS);
        const char *options = pg_params_get(&p, "options");

        assert_non_null(strstr(options, "jit=off"));
        assert_non_null(strstr(options, "statement_timeout=30000"));
        assert_non_null(strstr(options, "default_transaction_read_only=on"));
        assert_true(endswith(options, " -c work_mem=1MB"));
        pg_params_done(&p);

        p = make("dbname=x", PG_FOR_WRITES);
        assert_non_null(strstr(pg_params_get(&p, "options"), "statement_timeout=30000"));
        assert_null(strstr(pg_params_get(&p, "options"), "read_only"));
        pg_params_done(&p);

        p = make("dbname=x", PG_FOR_LEASES);
        assert_null(strstr(pg_params_get(&p, "options"), "statement_timeout"));
        assert_null(strstr(pg_params_get(&p, "options"), "synchronous_commit"));
        pg_params_done(&p);
}

/* A wrong conninfo is refused with libpq's own sentence. */
static void test_wrong(void **state)
{
        struct pg_params p;
        char error[160];

        assert_int_equal(pg_params_init(&p, "nonsense", PG_FOR_READS, "x", 0, error, sizeof(error)), -EINVAL);
        assert_non_null(strstr(error, "nonsense"));
        assert_null(strchr(error, '\n'));
        assert_int_equal(pg_params_init(&p, "colour=red", PG_FOR_READS, "x", 0, error, sizeof(error)),
                         -EINVAL);
        assert_non_null(strstr(error, "colour"));
}

/* The password comes from the credential, unless conninfo has one. */
static void test_credential(void **state)
{
        char dir[] = "/tmp/lonja-cred-XXXXXX", path[64];
        struct pg_params p;
        FILE *f;

        assert_non_null(mkdtemp(dir));
        snprintf(path, sizeof(path), "%s/lonja_database.password", dir);
        f = fopen(path, "we");
        assert_non_null(f);
        fputs("s3cret\n", f);
        fclose(f);
        setenv("CREDENTIALS_DIRECTORY", dir, 1);
        p = make("dbname=x", PG_FOR_READS);
        assert_string_equal(pg_params_get(&p, "password"), "s3cret");
        pg_params_done(&p);
        p = make("dbname=x password=other", PG_FOR_READS);
        assert_string_equal(pg_params_get(&p, "password"), "other");
        pg_params_done(&p);
        unsetenv("CREDENTIALS_DIRECTORY");
        unlink(path);
        rmdir(dir);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_precedence), cmocka_unit_test(test_uri),
                cmocka_unit_test(test_options),    cmocka_unit_test(test_wrong),
                cmocka_unit_test(test_credential),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
