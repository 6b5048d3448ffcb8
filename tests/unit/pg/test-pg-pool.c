/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */

/* The waiting line without a server: a socket folder that is not there. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "pg/pg_copy.h"
#include "pg/pg_listen.h"
#include "pg/pg_pool.h"
#include "pg/pg_query.h"

static const struct pg_statement one = {"one", "SELECT 1"};

struct fixture {
        sd_event *loop;
        struct pg_conf conf;
        struct pg_pool *pool;
        unsigned n_done, order[10];
};

struct job {
        struct pg_query q;
        struct fixture *f;
        struct pg_query *cancels;
        unsigned number;
};

static void on_done(struct pg_query *q)
{
        struct job *j = container_of(q, struct job, q);

        j->f->order[j->f->n_done++] = j->number;
        if (j->cancels)
                pg_query_cancel(j->cancels);
}

static int setup(void **state)
{
        const struct conf_table tables[] = {{pg_options, offsetof(struct fixture, conf)}, {0}};
        struct fixture *f = calloc(1, sizeof(*f));

        assert_int_equal(conf_set_defaults(tables, f), 0);
        free(f->conf.conninfo);
        f->conf.conninfo = strdup("host=/nonexistent dbname=lonja");
        f->conf.waiting_max = 3;
        assert_true(sd_event_new(&f->loop) >= 0);
        assert_int_equal(pg_pool_new(&f->pool, f->loop, &f->conf, "test", NULL), 0);
        *state = f;
        return 0;
}

static int teardown(void **state)
{
        const struct conf_table tables[] = {{pg_options, offsetof(struct fixture, conf)}, {0}};
        struct fixture *f = *state;

        pg_pool_free(f->pool);
        sd_event_unref(f->loop);
        conf_done(tables, f);
        free(f);
        return 0;
}

static int submit(struct fixture *f, struct job *j, unsigned number, usec_t deadline)
{
        *j = (struct job){.f = f, .number = number};
        pg_query_init(&j->q, &one, on_done);
        return pg_query_submit(&j->q, f->pool, PG_LANE_READ, deadline);
}

static void run_until(struct fixture *f, unsigned n)
{
        while (f->n_done < n)
                assert_true(sd_event_run(f->loop, USEC_INFINITY) >= 0);
}

/* Each job ends at its own deadline, whatever its place in the line, and was never sent. */
static void test_deadlines(void **state)
{
        struct fixture *f = *state;
        usec_t now = clock_monotonic_usec();
        struct job a, b, c;

        assert_int_equal(submit(f, &a, 1, now + 60 * USEC_PER_MSEC), 0);
        assert_int_equal(submit(f, &b, 2, now + 20 * USEC_PER_MSEC), 0);
        assert_int_equal(submit(f, &c, 3, now), 0);
        assert_int_equal(f->n_done, 0); /* never from inside submit */
        run_until(f, 3);
        assert_int_equal(f->order[0], 3);
        assert_int_equal(f->order[1], 2);
        assert_int_equal(f->order[2], 1);
        assert_int_equal(a.q.status, -ENOTCONN);
        assert_false(a.q.was_sent);
        assert_true(clock_monotonic_usec() >= now + 60 * USEC_PER_MSEC);
        assert_int_equal(pg_pool_state(f->pool), PG_DOWN);
        assert_string_not_equal(pg_pool_error(f->pool), "");
}

/* The line has an end; who leaves it makes room. */
static void test_line_is_bounded(void **state)
{
        struct fixture *f = *state;
        struct pg_pool_metrics m;
        struct job j[4];

        for (unsigned i = 0; i < 3; i++)
                assert_int_equal(submit(f, &j[i], i, USEC_INFINITY), 0);
        assert_int_equal(submit(f, &j[3], 3, USEC_INFINITY), -EBUSY);
        pg_pool_metrics(f->pool, &m);
        assert_int_equal(m.n_waiting, 3);
        pg_query_cancel(&j[1].q);
        pg_query_done(&j[1].q);
        assert_int_equal(submit(f, &j[3], 3, clock_monotonic_usec()), 0);
        run_until(f, 1);
        assert_int_equal(f->order[0], 3);
        f->pool = pg_pool_free(f->pool);
        assert_int_equal(f->n_done, 3); /* two cancelled by the end, the third never called back */
        assert_int_equal(j[0].q.status, -ECANCELED);
        assert_int_equal(j[2].q.status, -ECANCELED);
}

/* A completion may cancel a job that ends in the same moment: it is not called. */
static void test_cancel_from_completion(void **state)
{
        struct fixture *f = *state;
        usec_t now = clock_monotonic_usec();
        struct job a, b, c;

        assert_int_equal(submit(f, &a, 1, now), 0);
        assert_int_equal(submit(f, &b, 2, now), 0);
        assert_int_equal(submit(f, &c, 3, now + 10 * USEC_PER_MSEC), 0);
        a.cancels = &b.q;
        run_until(f, 2);
        assert_int_equal(f->order[0], 1);
        assert_int_equal(f->order[1], 3);
        assert_int_equal(b.q.status, -ECANCELED);
}

static void on_ready(struct pg_session *s, int status)
{
        struct fixture *f = *(struct fixture **)(void *)(s + 1);

        assert_int_equal(status, -ENOTCONN);
        f->n_done++;
}

/* A lease waits in the same way, and can be given up. */
static void test_lease(void **state)
{
        const struct pg_session_handler handler = {.ready = on_ready};
        struct {
                struct pg_session s;
                struct fixture *f;
        } a = {.f = *state}, b = {.f = *state};

        assert_int_equal(pg_session_open(&a.s, a.f->pool, clock_monotonic_usec(), &handler), 0);
        assert_int_equal(pg_session_open(&b.s, b.f->pool, clock_monotonic_usec(), &handler), 0);
        pg_session_close(&b.s);
        run_until(a.f, 1);
        assert_int_equal(pg_session_run(&a.s, "SELECT 1"), -ENOTCONN);
        pg_session_close(&a.s);
        pg_session_close(&a.s);
}

/* A wrong conninfo is told at once. */
static void test_wrong_conninfo(void **state)
{
        struct fixture *f = *state;
        struct pg_conf conf = f->conf;
        struct pg_listen listen = {0};
        struct pg_pool *pool = NULL;

        conf.conninfo = (char *)"nonsense";
        assert_int_equal(pg_pool_new(&pool, f->loop, &conf, "test", NULL), -EINVAL);
        assert_int_equal(pg_listen_start(&listen, f->loop, &conf, "test", "x"), -EINVAL);
        assert_int_equal(pg_listen_start(&listen, f->loop, &f->conf, "test", "x; DROP"), -EINVAL);
        assert_int_equal(pg_listen_start(&listen, f->loop, &f->conf, "test", ""), -EINVAL);
        assert_int_equal(pg_listen_start(&listen, f->loop, &f->conf, "test", "good_1"), 0);
        assert_false(pg_listen_is_connected(&listen));
        pg_listen_stop(&listen);
        pg_listen_stop(&listen);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(test_deadlines, setup, teardown),
                cmocka_unit_test_setup_teardown(test_line_is_bounded, setup, teardown),
                cmocka_unit_test_setup_teardown(test_cancel_from_completion, setup, teardown),
                cmocka_unit_test_setup_teardown(test_lease, setup, teardown),
                cmocka_unit_test_setup_teardown(test_wrong_conninfo, setup, teardown),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
