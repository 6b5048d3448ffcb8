/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "pg/pg_resolve.h"

struct look_up {
        struct pg_resolve resolve;
        unsigned n_done;
};

static void on_done(struct pg_resolve *r)
{
        container_of(r, struct look_up, resolve)->n_done++;
}

static void run(struct look_up *u, const char *hosts, const char *ports)
{
        sd_event *loop;

        *u = (struct look_up){.n_done = 0};
        assert_true(sd_event_new(&loop) >= 0);
        assert_int_equal(pg_resolve_start(&u->resolve, loop, hosts, ports, on_done), 0);
        assert_int_equal(u->n_done, 0); /* never from inside start */
        while (u->n_done == 0)
                assert_true(sd_event_run(loop, UINT64_MAX) >= 0);
        sd_event_unref(loop);
}

static unsigned count(const char *list)
{
        unsigned n = 1;

        for (; *list; list++)
                n += *list == ',';
        return n;
}

/* Only names need the thread. */
static void test_is_needed(void **state)
{
        assert_false(pg_resolve_is_needed(NULL));
        assert_false(pg_resolve_is_needed(""));
        assert_false(pg_resolve_is_needed("/run/postgresql"));
        assert_false(pg_resolve_is_needed("127.0.0.1,::1,/tmp,@abstract"));
        assert_true(pg_resolve_is_needed("localhost"));
        assert_true(pg_resolve_is_needed("127.0.0.1,db.example"));
}

/* A name becomes one entry per address, the rest stays; the lists are of one length. */
static void test_lists(void **state)
{
        struct look_up u;

        run(&u, "/tmp,localhost,10.0.0.9", "1,2,3");
        assert_non_null(u.resolve.hosts);
        assert_true(strncmp(u.resolve.hosts, "/tmp,localhost", 14) == 0);
        assert_true(strncmp(u.resolve.ports, "1,2", 3) == 0);
        assert_true(u.resolve.addresses[0] == ',');
        assert_true(strstr(u.resolve.addresses, "127.0.0.1") || strstr(u.resolve.addresses, "::1"));
        assert_int_equal(count(u.resolve.hosts), count(u.resolve.addresses));
        assert_int_equal(count(u.resolve.hosts), count(u.resolve.ports));
        assert_string_equal(strrchr(u.resolve.ports, ','), ",3");
        pg_resolve_done(&u.resolve);

        run(&u, "localhost", NULL);
        assert_int_equal(count(u.resolve.hosts), count(u.resolve.ports)); /* empty entries: the default */
        pg_resolve_done(&u.resolve);
        pg_resolve_done(&u.resolve);
}

/* What is no name at all fails with a sentence. */
static void test_failure(void **state)
{
        struct look_up u;

        run(&u, "not a name", NULL);
        assert_null(u.resolve.hosts);
        assert_non_null(strstr(u.resolve.error, "not a name"));
        pg_resolve_done(&u.resolve);
}

/* Given up at once: no call-back, and the thread ends by itself. */
static void test_given_up(void **state)
{
        struct look_up u = {.n_done = 0};
        sd_event *loop;

        assert_true(sd_event_new(&loop) >= 0);
        for (unsigned i = 0; i < 20; i++) {
                assert_int_equal(pg_resolve_start(&u.resolve, loop, "localhost", "5432", on_done), 0);
                pg_resolve_done(&u.resolve);
        }
        assert_true(sd_event_run(loop, 0) >= 0);
        assert_int_equal(u.n_done, 0);
        sd_event_unref(loop);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_is_needed),
                cmocka_unit_test(test_lists),
                cmocka_unit_test(test_failure),
                cmocka_unit_test(test_given_up),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
