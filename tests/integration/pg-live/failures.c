/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */
#include <errno.h>

#include "live.h"

static const struct pg_statement nap = {"nap", "SELECT 1, pg_sleep($1::float8 / 1000)"};
static const struct pg_statement one = {"one", "SELECT $1::bigint"};
static const struct pg_statement napping = {
        "napping", "SELECT count(*), $1::int FROM pg_stat_activity"
                   " WHERE application_name = 'pg-live' AND query LIKE '%pg_sleep%' AND state = 'active'"
                   " AND pid <> pg_backend_pid()"};
static const struct pg_statement lock_two = {"lock_two", "SELECT lock_two($1::int)"};

/* A deadline ends its own job in time; a neighbour behind it in the same pipeline still gets its answer. */
static void deadline(struct live *l)
{
        struct live_query slow, behind;
        unsigned n = 0;

        l->conf.write_connections = 1;
        live_new_pool(l);
        live_submit(l, &slow, &nap, PG_LANE_WRITE, 3000, &n, live_in(150 * USEC_PER_MSEC));
        live_submit(l, &behind, &one, PG_LANE_WRITE, 5, &n, live_in(20 * USEC_PER_SEC));
        live_run_until(l, &n, 1);
        CHECK_INT(slow.q.status, -ETIMEDOUT);
        CHECK(slow.q.was_sent);
        CHECK_INT(n, 1); /* the neighbour has to wait for the server's end of it */
        pg_query_done(&slow.q);
        live_run_until(l, &n, 2);
        CHECK_INT(behind.q.status, 0);
        CHECK_INT(pg_row_int(&behind.q, 0, 0), 5);
        pg_query_done(&behind.q);
}

/* Nothing is put behind a slow statement: it takes another connection, which is opened for it. */
static void around_slow(struct live *l)
{
        struct live_query slow, fast[3];
        unsigned n = 0;
        usec_t begin;

        live_new_pool(l);
        live_submit(l, &slow, &nap, PG_LANE_READ, 5000, &n, USEC_INFINITY);
        while (!slow.q.was_sent)
                CHECK(sd_event_run(l->loop, USEC_PER_SEC) >= 0);
        begin = clock_monotonic_usec();
        while (clock_monotonic_usec() < begin + 20 * USEC_PER_MSEC) /* by now it counts as slow */
                CHECK(sd_event_run(l->loop, 10 * USEC_PER_MSEC) >= 0);
        for (unsigned i = 0; i < 3; i++) {
                unsigned m = 0;

                live_submit(l, &fast[i], &one, PG_LANE_READ, 1, &m, USEC_INFINITY);
                live_run_until(l, &m, 1);
                CHECK_INT(fast[i].q.status, 0);
                pg_query_done(&fast[i].q);
        }
        CHECK_INT(n, 0); /* it still sleeps */
        live_run_until(l, &n, 1);
        pg_query_done(&slow.q);
}

/* statement_timeout bounds what was abandoned on a shared lane. */
static void statement_timeout(struct live *l)
{
        struct live_query slow, behind;
        unsigned n = 0;

        l->conf.read_connections = 1;
        l->conf.statement_timeout_usec = 200 * USEC_PER_MSEC;
        live_new_pool(l);
        live_submit(l, &slow, &nap, PG_LANE_READ, 30000, &n, USEC_INFINITY);
        live_submit(l, &behind, &one, PG_LANE_READ, 5, &n, USEC_INFINITY);
        live_run_until(l, &n, 2);
        CHECK_INT(slow.q.status, -ETIMEDOUT);
        CHECK(streq(slow.q.sqlstate, "57014"));
        CHECK_INT(behind.q.status, 0);
        pg_query_done(&slow.q);
        pg_query_done(&behind.q);
}

/* Waits until the server runs so many naps. */
static void wait_napping(struct live *l, int64_t least, int64_t most)
{
        struct live_query q;
        usec_t end = live_in(20 * USEC_PER_SEC);
        int64_t is;

        do {
                unsigned n = 0;

                live_submit(l, &q, &napping, PG_LANE_READ, 0, &n, USEC_INFINITY);
                live_run_until(l, &n, 1);
                CHECK_INT(q.q.status, 0);
                is = pg_row_int(&q.q, 0, 0);
                pg_query_done(&q.q);
                CHECK(clock_monotonic_usec() < end);
        } while (is < least || is > most);
}

/* A cancelled job never calls back; on the exclusive lane the server stops working on it too, and the lane
 * serves the next. */
static void cancel(struct live *l)
{
        struct live_query shared, leased, next;
        unsigned n = 0, m = 0;

        l->conf.exclusive_connections = 1;
        live_new_pool(l);
        live_submit(l, &shared, &nap, PG_LANE_WRITE, 600, &n, USEC_INFINITY);
        live_submit(l, &leased, &nap, PG_LANE_EXCLUSIVE, 60000, &n, USEC_INFINITY);
        wait_napping(l, 2, 2);
        pg_query_cancel(&shared.q);
        pg_query_done(&leased.q);
        wait_napping(l, 0, 0);
        live_submit(l, &next, &one, PG_LANE_EXCLUSIVE, 1, &m, USEC_INFINITY);
        live_run_until(l, &m, 1);
        CHECK_INT(next.q.status, 0);
        CHECK_INT(n, 0);
        pg_query_done(&shared.q);
        pg_query_done(&next.q);
}

/* An exclusive job is cancelled at the server by its deadline too. */
static void exclusive_deadline(struct live *l)
{
        struct live_query q;
        unsigned n = 0;

        live_new_pool(l);
        live_submit(l, &q, &nap, PG_LANE_EXCLUSIVE, 60000, &n, live_in(300 * USEC_PER_MSEC));
        live_run_until(l, &n, 1);
        CHECK_INT(q.q.status, -ETIMEDOUT);
        pg_query_done(&q.q);
        wait_napping(l, 0, 0);
}

/* Two that deadlock both succeed: the victim is sent again. */
static void deadlock(struct live *l)
{
        struct live_query q[2];
        unsigned n = 0;

        live_new_pool(l);
        for (unsigned i = 0; i < 8; i++) { /* opens several connections, so that the two run at once */
                struct live_query w[8];
                unsigned m = 0;

                for (unsigned k = 0; k < 8; k++)
                        live_submit(l, &w[k], &one, PG_LANE_WRITE, 0, &m, USEC_INFINITY);
                live_run_until(l, &m, 8);
                for (unsigned k = 0; k < 8; k++)
                        pg_query_done(&w[k].q);
        }
        for (unsigned i = 0; i < 2; i++)
                live_submit(l, &q[i], &lock_two, PG_LANE_WRITE, i, &n, USEC_INFINITY);
        live_run_until(l, &n, 2);
        for (unsigned i = 0; i < 2; i++) {
                CHECK_INT(q[i].q.status, 0);
                pg_query_done(&q[i].q);
        }
}

/* Without a server: waiting jobs end at their deadline, as never sent. */
static void no_server(struct live *l)
{
        struct live_query q;
        unsigned n = 0;

        live_new_pool(l);
        live_submit(l, &q, &one, PG_LANE_WRITE, 1, &n, live_in(500 * USEC_PER_MSEC));
        live_run_until(l, &n, 1);
        CHECK_INT(q.q.status, -ENOTCONN);
        CHECK(!q.q.was_sent);
        CHECK_INT(pg_pool_state(l->pool), PG_DOWN);
        CHECK(*pg_pool_error(l->pool));
        pg_query_done(&q.q);
}

static enum pg_state told;

static void on_state(struct pg_pool_watch *w, enum pg_state state)
{
        const char *const names[] = {"down", "up", "pending", "too-new"};

        told = state;
        live_say(names[state]);
}

/* The schema is older: jobs wait for the migration until their deadline, and go on when it has come. */
static void schema_pending(struct live *l)
{
        struct live_query early, late;
        unsigned n = 0;

        l->watch.changed = on_state;
        live_new_pool(l);
        live_submit(l, &late, &one, PG_LANE_READ, 7, &n, live_in(30 * USEC_PER_SEC));
        while (pg_pool_state(l->pool) != PG_SCHEMA_PENDING)
                CHECK(sd_event_run(l->loop, USEC_PER_SEC) >= 0);
        live_submit(l, &early, &one, PG_LANE_READ, 1, &n, live_in(300 * USEC_PER_MSEC));
        live_run_until(l, &n, 1);
        CHECK_INT(early.q.status, -ESTALE);
        live_say("waiting");
        live_run_until(l, &n, 2);
        CHECK_INT(late.q.status, 0);
        CHECK_INT(pg_pool_state(l->pool), PG_UP);
        while (told != PG_UP) /* after the answers */
                CHECK(sd_event_run(l->loop, USEC_PER_SEC) >= 0);
        pg_query_done(&early.q);
        pg_query_done(&late.q);
}

/* The schema is newer: jobs fail at once. */
static void schema_too_new(struct live *l)
{
        struct live_query q;
        unsigned n = 0;

        live_new_pool(l);
        live_submit(l, &q, &one, PG_LANE_READ, 1, &n, live_in(30 * USEC_PER_SEC));
        live_run_until(l, &n, 1);
        CHECK_INT(q.q.status, -EPROTONOSUPPORT);
        CHECK_INT(pg_pool_state(l->pool), PG_SCHEMA_TOO_NEW);
        pg_query_done(&q.q);
}

/* A server that hangs: jobs end at their deadlines, the connection is given up for dead, work goes on when
 * the server does. */
static void stalled(struct live *l)
{
        struct live_query q[2];
        unsigned n = 0;

        l->conf.statement_timeout_usec = 500 * USEC_PER_MSEC;
        l->watch.changed = on_state;
        live_new_pool(l);
        live_submit(l, &q[0], &one, PG_LANE_READ, 1, &n, USEC_INFINITY);
        live_run_until(l, &n, 1);
        pg_query_done(&q[0].q);
        live_say("stop it");
        live_wait_world();
        live_submit(l, &q[0], &one, PG_LANE_READ, 1, &n, live_in(200 * USEC_PER_MSEC));
        live_submit(l, &q[1], &one, PG_LANE_WRITE, 1, &n, live_in(30 * USEC_PER_SEC));
        live_run_until(l, &n, 2);
        CHECK_INT(q[0].q.status, -ETIMEDOUT);
        while (pg_pool_state(l->pool) != PG_DOWN)
                CHECK(sd_event_run(l->loop, USEC_PER_SEC) >= 0);
        live_say("go on");
        live_run_until(l, &n, 3);
        CHECK(q[1].q.status == 0 || q[1].q.status == -ECONNRESET);
        CHECK(q[1].q.status == 0 || q[1].q.was_sent);
        pg_query_done(&q[0].q);
        pg_query_done(&q[1].q);
}

/* Everything in flight ends with -ECANCELED when the pool goes, from inside pg_pool_free(). */
static void pool_free(struct live *l)
{
        static struct live_query q[50];
        unsigned n = 0;

        live_new_pool(l);
        for (unsigned i = 0; i < 50; i++)
                live_submit(l, &q[i], &nap, i % 2 ? PG_LANE_WRITE : PG_LANE_EXCLUSIVE, 1000, &n,
                            USEC_INFINITY);
        wait_napping(l, 4, 6);
        l->pool = pg_pool_free(l->pool);
        CHECK_INT(n, 50);
        for (unsigned i = 0; i < 50; i++)
                pg_query_done(&q[i].q);
}

const struct live_story live_failure_stories[] = {
        {"deadline", deadline},
        {"around-slow", around_slow},
        {"statement-timeout", statement_timeout},
        {"cancel", cancel},
        {"exclusive-deadline", exclusive_deadline},
        {"deadlock", deadlock},
        {"no-server", no_server},
        {"schema-pending", schema_pending},
        {"schema-too-new", schema_too_new},
        {"stalled", stalled},
        {"pool-free", pool_free},
        {0},
};
