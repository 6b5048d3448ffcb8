/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */
#include <errno.h>

#include "live.h"

struct talk { /* a session and what happened on it */
        struct pg_session s;
        unsigned n_ready, n_done, n_rows, n_writable;
        int status, error_of_open;
        size_t n_bytes;
        bool pause_each; /* a slow consumer */
        char first[200];
};

static void on_ready(struct pg_session *s, int status)
{
        struct talk *t = container_of(s, struct talk, s);

        t->n_ready++;
        t->error_of_open = status;
}

static void on_done(struct pg_session *s, int status)
{
        struct talk *t = container_of(s, struct talk, s);

        t->n_done++;
        t->status = status;
}

static void on_row(struct pg_session *s, const char *data, size_t n)
{
        struct talk *t = container_of(s, struct talk, s);

        if (t->n_rows++ == 0)
                snprintf(t->first, sizeof(t->first), "%.*s", (int)n, data);
        t->n_bytes += n;
        if (t->pause_each && t->n_rows % 100 == 0)
                pg_session_pause(s, true);
}

static void on_writable(struct pg_session *s)
{
        container_of(s, struct talk, s)->n_writable++;
}

static const struct pg_session_handler handler = {on_ready, on_done, on_row, on_writable};

static void open_session(struct live *l, struct talk *t)
{
        *t = (struct talk){0};
        CHECK_INT(pg_session_open(&t->s, l->pool, live_in(20 * USEC_PER_SEC), &handler), 0);
        live_run_until(l, &t->n_ready, 1);
        CHECK_INT(t->error_of_open, 0);
}

static int step(struct live *l, struct talk *t, const char *sql)
{
        unsigned n = t->n_done;

        CHECK_INT(pg_session_run(&t->s, sql), 0);
        live_run_until(l, &t->n_done, n + 1);
        return t->status;
}

static int64_t count_things(struct live *l)
{
        static const struct pg_statement count = {"count", "SELECT count(*), $1::int FROM thing"};
        struct live_query q;
        unsigned n = 0;
        int64_t found;

        live_submit(l, &q, &count, PG_LANE_READ, 0, &n, USEC_INFINITY);
        live_run_until(l, &n, 1);
        CHECK_INT(q.q.status, 0);
        found = pg_row_int(&q.q, 0, 0);
        pg_query_done(&q.q);
        return found;
}

/* Transactions of several steps, with results; an open one is rolled back by close. */
static void transaction(struct live *l)
{
        const char *params[] = {"5", NULL};
        struct talk t;

        live_new_pool(l);
        open_session(l, &t);
        CHECK_INT(step(l, &t, "BEGIN; INSERT INTO thing VALUES (1), (2)"), 0);
        CHECK_INT(t.s.n_rows, 2);
        CHECK_INT(pg_session_run_params(&t.s, "SELECT $1::int + 1, $2::text", 2, params), 0);
        live_run_until(l, &t.n_done, 2);
        CHECK_INT(pg_session_rows(&t.s), 1);
        CHECK(streq(pg_session_text(&t.s, 0, 0), "6"));
        CHECK_INT(step(l, &t, "COMMIT"), 0);
        CHECK_INT(step(l, &t, "BEGIN; INSERT INTO thing VALUES (3)"), 0);
        pg_session_close(&t.s);
        CHECK_INT(count_things(l), 2);
        open_session(l, &t);
        CHECK_INT(step(l, &t, "INSERT INTO thing VALUES (1)"), -EIO);
        CHECK(streq(t.s.sqlstate, "23505"));
        CHECK_INT(step(l, &t, "SELECT 1"), 0);
        pg_session_close(&t.s);
}

static void send_rows(struct live *l, struct talk *t, unsigned n_rows, unsigned bad)
{
        char line[80];

        for (unsigned i = 1; i <= n_rows; i++) {
                int n = snprintf(line, sizeof(line), i == bad ? "not a number\n" : "%u\n", i), r;
                unsigned before = t->n_writable;

                r = pg_session_copy_data(&t->s, line, (size_t)n);
                CHECK(r >= 0);
                if (r > 0)
                        live_run_until(l, &t->n_writable, before + 1);
        }
}

/* COPY in: all or nothing, an error names its line, an abort leaves nothing, the session works on. */
static void copy_in(struct live *l)
{
        struct talk t;

        live_new_pool(l);
        open_session(l, &t);
        CHECK_INT(pg_session_run(&t.s, "COPY thing FROM STDIN"), 0);
        live_run_until(l, &t.n_writable, 1);
        send_rows(l, &t, 300000, 0);
        CHECK_INT(pg_session_copy_end(&t.s, NULL), 0);
        live_run_until(l, &t.n_done, 1);
        CHECK_INT(t.status, 0);
        CHECK_INT(t.s.n_rows, 300000);
        CHECK_INT(count_things(l), 300000);
        CHECK_INT(step(l, &t, "DELETE FROM thing"), 0);

        CHECK_INT(pg_session_run(&t.s, "COPY thing FROM STDIN"), 0);
        live_run_until(l, &t.n_writable, t.n_writable + 1);
        send_rows(l, &t, 100000, 77);
        CHECK_INT(pg_session_copy_end(&t.s, NULL), 0);
        live_run_until(l, &t.n_done, 3);
        CHECK_INT(t.status, -EIO);
        CHECK(streq(t.s.sqlstate, "22P02"));
        CHECK(startswith(t.s.error_context, "COPY thing, line 77, column id:"));

        CHECK_INT(pg_session_run(&t.s, "COPY thing FROM STDIN"), 0);
        live_run_until(l, &t.n_writable, t.n_writable + 1);
        send_rows(l, &t, 10, 0);
        CHECK_INT(pg_session_copy_end(&t.s, "changed my mind"), 0);
        live_run_until(l, &t.n_done, 4);
        CHECK_INT(t.status, -EIO);
        CHECK(streq(t.s.sqlstate, "57014"));
        CHECK_INT(count_things(l), 0);
        pg_session_close(&t.s);
}

/* COPY out to a consumer that pauses: every row, in order, and the server waits. */
static void copy_out(struct live *l)
{
        struct talk t;

        live_new_pool(l);
        open_session(l, &t);
        t.pause_each = true;
        CHECK_INT(pg_session_run(&t.s, "COPY (SELECT 'row ' || n, repeat('x', 1000)"
                                       " FROM generate_series(1, 20000) n) TO STDOUT"),
                  0);
        while (t.n_done == 0) {
                unsigned before = t.n_rows;

                CHECK(sd_event_run(l->loop, 20 * USEC_PER_SEC) >= 0);
                CHECK(t.n_rows - before <= 100);
                if (t.s.paused) {
                        /* whatever comes now, no row does */
                        before = t.n_rows;
                        CHECK(sd_event_run(l->loop, 0) >= 0);
                        CHECK_INT(t.n_rows, before);
                        pg_session_pause(&t.s, false);
                }
        }
        CHECK_INT(t.status, 0);
        CHECK_INT(t.n_rows, 20000);
        CHECK(startswith(t.first, "row 1\txxx"));
        pg_session_close(&t.s);
}

/* Closing in the middle of anything leaves a lane that works and nothing behind at the server. */
static void close_in_the_middle(struct live *l)
{
        struct talk t;

        l->conf.exclusive_connections = 1;
        live_new_pool(l);
        open_session(l, &t);
        CHECK_INT(pg_session_run(&t.s, "SELECT pg_sleep(60)"), 0);
        pg_session_close(&t.s);

        open_session(l, &t);
        CHECK_INT(pg_session_run(&t.s, "COPY thing FROM STDIN"), 0);
        live_run_until(l, &t.n_writable, 1);
        send_rows(l, &t, 1000, 0);
        pg_session_close(&t.s);

        open_session(l, &t);
        CHECK_INT(pg_session_run(&t.s, "COPY (SELECT * FROM generate_series(1, 10000000)) TO STDOUT"), 0);
        live_run_until(l, &t.n_rows, 5);
        pg_session_close(&t.s);

        t = (struct talk){0};
        CHECK_INT(pg_session_open(&t.s, l->pool, USEC_INFINITY, &handler), 0);
        pg_session_close(&t.s); /* while it waits for the lease */

        open_session(l, &t);
        CHECK_INT(step(l, &t,
                       "SELECT count(*) FROM pg_stat_activity WHERE query LIKE '%pg_sleep(60)%'"
                       " AND pid <> pg_backend_pid() AND state = 'active'"),
                  0);
        pg_session_close(&t.s);
        pg_session_close(&t.s);
        CHECK_INT(count_things(l), 0);
}

/* Who finds all exclusive connections taken waits, until the deadline or until one is given back; a leased
 * connection and exclusive queries share the lane. */
static void lease_wait(struct live *l)
{
        static const struct pg_statement one = {"one", "SELECT $1::bigint"};
        struct talk a, b = {0};
        struct live_query q;
        unsigned n = 0;

        l->conf.exclusive_connections = 1;
        live_new_pool(l);
        open_session(l, &a);
        CHECK_INT(pg_session_open(&b.s, l->pool, live_in(100 * USEC_PER_MSEC), &handler), 0);
        live_run_until(l, &b.n_ready, 1);
        CHECK_INT(b.error_of_open, -ETIMEDOUT);
        live_submit(l, &q, &one, PG_LANE_EXCLUSIVE, 5, &n, USEC_INFINITY);
        pg_session_close(&a.s);
        live_run_until(l, &n, 1);
        CHECK_INT(q.q.status, 0);
        pg_query_done(&q.q);
        pg_session_close(&b.s);
}

/* The server dies: a running step ends with -ECONNRESET, an idle session refuses the next one. */
static void session_loss(struct live *l)
{
        struct talk a, b;

        live_new_pool(l);
        open_session(l, &a);
        open_session(l, &b);
        CHECK_INT(pg_session_run(&a.s, "SELECT pg_sleep(60)"), 0);
        live_say("kill it");
        live_run_until(l, &a.n_done, 1);
        CHECK_INT(a.status, -ECONNRESET);
        while (b.s.connection)
                CHECK(sd_event_run(l->loop, USEC_PER_SEC) >= 0);
        CHECK_INT(pg_session_run(&b.s, "SELECT 1"), -ENOTCONN);
        CHECK_INT(b.n_done, 0);
        pg_session_close(&a.s);
        pg_session_close(&b.s);
        live_wait_world();
        open_session(l, &a);
        CHECK_INT(step(l, &a, "SELECT 1"), 0);
        pg_session_close(&a.s);
}

const struct live_story live_session_stories[] = {
        {"transaction", transaction},
        {"copy-in", copy_in},
        {"copy-out", copy_out},
        {"close-in-the-middle", close_in_the_middle},
        {"lease-wait", lease_wait},
        {"session-loss", session_loss},
        {0},
};
