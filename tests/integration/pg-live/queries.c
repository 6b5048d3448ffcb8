/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */
#include <errno.h>

#include "live.h"

#include "pg/pg_group.h"

static const struct pg_statement double_it = {"double_it", "SELECT 2 * $1::bigint"};
static const struct pg_statement divide = {"divide", "SELECT 100 / $1::bigint"};
static const struct pg_statement bad_text = {"bad_text", "SELECT $1::bigint FROM no_such_table"};
static const struct pg_statement unnamed = {NULL, "SELECT 3 * $1::bigint"};
static const struct pg_statement insert_row = {"insert_row", "INSERT INTO thing VALUES ($1::bigint)"};
static const struct pg_statement insert_child = {"insert_child",
                                                 "INSERT INTO child VALUES ($1::bigint) RETURNING 7"};
static const struct pg_statement count_rows = {"count_rows", "SELECT count(*), $1::int FROM thing"};

#define N 500

/* Each job gets its own answer, in whatever lane. */
static void pipelined(struct live *l)
{
        static struct live_query q[N];
        const enum pg_lane lanes[] = {PG_LANE_READ, PG_LANE_WRITE, PG_LANE_EXCLUSIVE};
        unsigned n = 0;

        live_new_pool(l);
        for (unsigned i = 0; i < N; i++)
                live_submit(l, &q[i], i % 7 ? &double_it : &unnamed, lanes[i % 3], i, &n, USEC_INFINITY);
        live_run_until(l, &n, N);
        for (unsigned i = 0; i < N; i++) {
                CHECK_INT(q[i].q.status, 0);
                CHECK_INT(pg_query_rows(&q[i].q), 1);
                CHECK_INT(pg_row_int(&q[i].q, 0, 0), (i % 7 ? 2 : 3) * i);
                pg_query_done(&q[i].q);
        }
}

/* Errors stay with the job that made them, although reads share a transaction. */
static void isolated(struct live *l)
{
        static struct live_query q[N];
        unsigned n = 0;

        live_new_pool(l);
        for (unsigned i = 0; i < N; i++) {
                const struct pg_statement *s = i % 10 == 3 ? &bad_text : &divide;

                live_submit(l, &q[i], s, i % 2 ? PG_LANE_READ : PG_LANE_WRITE, i % 5, &n, USEC_INFINITY);
        }
        live_run_until(l, &n, N);
        for (unsigned i = 0; i < N; i++) {
                if (i % 10 == 3) {
                        CHECK_INT(q[i].q.status, -EIO);
                        CHECK(streq(q[i].q.sqlstate, "42P01"));
                } else if (i % 5 == 0) {
                        CHECK_INT(q[i].q.status, -EIO);
                        CHECK(streq(q[i].q.sqlstate, "22012"));
                } else {
                        CHECK_INT(q[i].q.status, 0);
                        CHECK_INT(pg_row_int(&q[i].q, 0, 0), 100 / (i % 5));
                }
                pg_query_done(&q[i].q);
        }
}

/* A failing write neither undoes nor stops its neighbours. */
static void isolated_writes(struct live *l)
{
        static struct live_query q[N];
        struct live_query c;
        unsigned n = 0, m = 0;

        live_new_pool(l);
        for (unsigned i = 0; i < N; i++) /* 7, 17, 27, ... come twice */
                live_submit(l, &q[i], &insert_row, PG_LANE_WRITE, i % 10 == 8 ? i - 1 : i, &n, USEC_INFINITY);
        live_run_until(l, &n, N);
        for (unsigned i = 0, failed = 0; i < N; i++) {
                if (q[i].q.status < 0) {
                        CHECK(streq(q[i].q.sqlstate, "23505"));
                        failed++;
                }
                if (i == N - 1)
                        CHECK_INT(failed, N / 10);
                pg_query_done(&q[i].q);
        }
        live_submit(l, &c, &count_rows, PG_LANE_READ, 0, &m, USEC_INFINITY);
        live_run_until(l, &m, 1);
        CHECK_INT(pg_row_int(&c.q, 0, 0), N - N / 10);
        pg_query_done(&c.q);
}

struct live_member {
        struct pg_member m;
        unsigned number;
        int64_t row;
        int status;
        bool was_sent;
        char sqlstate[6];
        unsigned *n_done, n_called;
};

static void write_number(const struct pg_member *m, struct buf *out)
{
        buf_printf(out, "%u", container_of(m, struct live_member, m)->number);
}

static void count_statement(void *context, const struct pg_query *q)
{
        unsigned *n_ended = context;

        (void)q;
        ++*n_ended;
}

static const struct pg_group_role insert_group = {
        .statement = {"insert_group",
                      "INSERT INTO thing SELECT i.value::bigint FROM json_array_elements_text($1)"
                      " WITH ORDINALITY i ORDER BY i.ordinality RETURNING id"},
        .running_max = 2,
        .write = write_number,
        .ended = count_statement,
};
static const struct pg_group_role slow_group = {
        .statement = {"slow_group", "SELECT pg_sleep(5) FROM json_array_elements_text($1)"},
        .running_max = 1,
        .write = write_number,
};

static void on_member_done(struct pg_member *m, const struct pg_query *q, size_t row)
{
        struct live_member *lm = container_of(m, struct live_member, m);

        CHECK_INT(++lm->n_called, 1);
        lm->status = q->status;
        lm->was_sent = q->was_sent;
        memcpy(lm->sqlstate, q->sqlstate, sizeof(lm->sqlstate));
        lm->row = q->status == 0 ? pg_row_int(q, row, 0) : -1;
        ++*lm->n_done;
}

/* Many become few statements, and each member has its own answer; one that is refused spoils no other; one
 * that was cancelled before it was sent has no effect. */
static void grouped(struct live *l)
{
        static struct live_member m[N];
        struct pg_group_line *line;
        struct pg_pool_metrics metrics;
        struct live_query c;
        unsigned n = 0, done = 0, failed = 0, n_ended = 0;

        live_new_pool(l);
        CHECK_INT(pg_group_line_new(&line, l->loop, l->pool, &insert_group, &n_ended), 0);
        for (unsigned i = 0; i < N; i++) { /* 107 comes twice, and nothing else */
                m[i].number = i == 108 ? 107 : i;
                m[i].n_done = &n;
                CHECK_INT(pg_member_submit(&m[i].m, line, USEC_INFINITY, on_member_done), 0);
        }
        CHECK_INT(pg_group_line_waiting(line), N);
        pg_member_cancel(&m[3].m);
        live_run_until(l, &n, N - 1);
        for (unsigned i = 0; i < N; i++) {
                if (i == 3) {
                        CHECK_INT(m[i].n_called, 0);
                } else if (m[i].status < 0) {
                        CHECK(i == 107 || i == 108);
                        CHECK(streq(m[i].sqlstate, "23505"));
                        failed++;
                } else {
                        CHECK_INT(m[i].row, i == 108 ? 107 : i);
                }
        }
        CHECK_INT(failed, 1);
        pg_pool_metrics(l->pool, &metrics);
        CHECK_INT(metrics.n_jobs, n_ended);
        CHECK(n_ended > PG_GROUP_MAX && n_ended < PG_GROUP_MAX + 10); /* the group with 107 singly */
        live_submit(l, &c, &count_rows, PG_LANE_READ, 0, &done, USEC_INFINITY);
        live_run_until(l, &done, 1);
        CHECK_INT(pg_row_int(&c.q, 0, 0), N - 2);
        pg_query_done(&c.q);
        pg_group_line_free(line);
}

/* Each member has a deadline of its own, whether its statement is under way or not begun. */
static void grouped_in_time(struct live *l)
{
        static struct live_member m[3];
        struct pg_group_line *line;
        unsigned n = 0;

        live_new_pool(l);
        CHECK_INT(pg_group_line_new(&line, l->loop, l->pool, &slow_group, NULL), 0);
        for (unsigned i = 0; i < 3; i++)
                m[i].n_done = &n;
        CHECK_INT(pg_member_submit(&m[0].m, line, USEC_INFINITY, on_member_done), 0);
        CHECK_INT(pg_member_submit(&m[1].m, line, clock_monotonic_usec() + USEC_PER_SEC, on_member_done), 0);
        live_run_until(l, &n, 1);
        CHECK_INT(m[1].status, -ETIMEDOUT);
        CHECK(m[1].was_sent);
        CHECK_INT(pg_member_submit(&m[2].m, line, clock_monotonic_usec() + USEC_PER_MSEC, on_member_done), 0);
        live_run_until(l, &n, 2);
        CHECK_INT(m[2].status, -ETIMEDOUT);
        CHECK(!m[2].was_sent);
        CHECK_INT(m[0].n_called, 0);
        pg_group_line_free(line);
}

/* A write is complete when its commit is: the statement succeeds, the deferred constraint does not. */
static void failing_commit(struct live *l)
{
        struct live_query q[3];
        unsigned n = 0;

        live_new_pool(l);
        for (unsigned i = 0; i < 3; i++)
                live_submit(l, &q[i], i == 1 ? &insert_child : &double_it, PG_LANE_WRITE, 12345, &n,
                            USEC_INFINITY);
        live_run_until(l, &n, 3);
        CHECK_INT(q[0].q.status, 0);
        CHECK_INT(q[1].q.status, -EIO);
        CHECK(streq(q[1].q.sqlstate, "23503"));
        CHECK_INT(pg_query_rows(&q[1].q), 0);
        CHECK_INT(q[2].q.status, 0);
        for (unsigned i = 0; i < 3; i++)
                pg_query_done(&q[i].q);
}

/* The read lane cannot write. */
static void read_only(struct live *l)
{
        struct live_query q;
        unsigned n = 0;

        live_new_pool(l);
        live_submit(l, &q, &insert_row, PG_LANE_READ, 1, &n, USEC_INFINITY);
        live_run_until(l, &n, 1);
        CHECK_INT(q.q.status, -EIO);
        CHECK(streq(q.q.sqlstate, "25006"));
        pg_query_done(&q.q);
}

/* Long, many, binary and NULL parameters arrive as they were. */
static void parameters(struct live *l)
{
        static const struct pg_statement echo = {
                "echo", "SELECT $1::text, $2::bytea, $3::bool, $4::bigint, $5::text IS NULL, $6::text"};
        static char large[100000];
        struct live_query q = {0};
        unsigned n = 0;

        memset(large, 'x', sizeof(large));
        live_new_pool(l);
        live_submit(l, &q, &echo, PG_LANE_READ, 0, &n, USEC_INFINITY);
        pg_query_done(&q.q); /* cancelled before it was sent */
        pg_query_init(&q.q, &echo, q.q.complete);
        pg_query_text(&q.q, "añ'\"\\");
        pg_query_bytes(&q.q, "\0\1\xff", 3);
        pg_query_bool(&q.q, true);
        pg_query_int(&q.q, INT64_MIN);
        pg_query_null(&q.q);
        pg_query_text_n(&q.q, large, sizeof(large));
        CHECK_INT(pg_query_submit(&q.q, l->pool, PG_LANE_READ, USEC_INFINITY), 0);
        live_run_until(l, &n, 1);
        CHECK_INT(q.q.status, 0);
        CHECK(streq(pg_row_text(&q.q, 0, 0), "añ'\"\\"));
        CHECK(streq(pg_row_text(&q.q, 0, 1), "\\x0001ff"));
        CHECK(pg_row_bool(&q.q, 0, 2));
        CHECK_INT(pg_row_int(&q.q, 0, 3), INT64_MIN);
        CHECK(pg_row_bool(&q.q, 0, 4));
        CHECK_INT(pg_row_size(&q.q, 0, 5), sizeof(large));
        pg_query_done(&q.q);
}

/* Large results through a small pipe, many at once: no deadlock between two full buffers. */
static void large_results(struct live *l)
{
        static const struct pg_statement large = {"large", "SELECT repeat('x', $1::int), $2::text"};
        static struct live_query q[200];
        static char text[50000];
        unsigned n = 0;

        memset(text, 'y', sizeof(text));
        live_new_pool(l);
        for (unsigned i = 0; i < 200; i++) {
                live_submit(l, &q[i], &large, PG_LANE_READ, 300000, &n, USEC_INFINITY);
                pg_query_cancel(&q[i].q);
                pg_query_text_n(&q[i].q, text, sizeof(text));
                CHECK_INT(pg_query_submit(&q[i].q, l->pool, i % 2 ? PG_LANE_READ : PG_LANE_WRITE,
                                          USEC_INFINITY),
                          0);
        }
        live_run_until(l, &n, 200);
        for (unsigned i = 0; i < 200; i++) {
                CHECK_INT(q[i].q.status, 0);
                CHECK_INT(pg_row_size(&q[i].q, 0, 0), 300000);
                CHECK_INT(pg_row_size(&q[i].q, 0, 1), sizeof(text));
                pg_query_done(&q[i].q);
        }
}

/* What somebody deallocated behind our back is prepared again. */
static void deallocated(struct live *l)
{
        static const struct pg_statement forget = {NULL, "DEALLOCATE double_it"};
        struct live_query q[3];
        struct pg_query f = {0};
        unsigned n = 0;

        l->conf.write_connections = 1;
        live_new_pool(l);
        live_submit(l, &q[0], &double_it, PG_LANE_WRITE, 1, &n, USEC_INFINITY);
        live_run_until(l, &n, 1);
        pg_query_init(&f, &forget, q[0].q.complete); /* parameters do not fit DEALLOCATE */
        live_submit(l, &q[1], &forget, PG_LANE_WRITE, 0, &n, USEC_INFINITY);
        pg_query_cancel(&q[1].q);
        q[1].q.n_params = 0;
        CHECK_INT(pg_query_submit(&q[1].q, l->pool, PG_LANE_WRITE, USEC_INFINITY), 0);
        live_run_until(l, &n, 2);
        CHECK_INT(q[1].q.status, 0);
        live_submit(l, &q[2], &double_it, PG_LANE_WRITE, 4, &n, USEC_INFINITY);
        live_run_until(l, &n, 3);
        CHECK_INT(q[2].q.status, 0);
        CHECK_INT(pg_row_int(&q[2].q, 0, 0), 8);
        for (unsigned i = 0; i < 3; i++)
                pg_query_done(&q[i].q);
}

/* The one who was told "too many wait" can believe it; the others are served. */
static void waiting_line(struct live *l)
{
        static struct live_query q[20];
        struct live_query extra = {0};
        unsigned n = 0;

        l->conf.waiting_max = 20;
        live_new_pool(l);
        for (unsigned i = 0; i < 20; i++)
                live_submit(l, &q[i], &double_it, PG_LANE_READ, i, &n, USEC_INFINITY);
        pg_query_init(&extra.q, &double_it, q[0].q.complete);
        pg_query_int(&extra.q, 1);
        CHECK_INT(pg_query_submit(&extra.q, l->pool, PG_LANE_READ, USEC_INFINITY), -EBUSY);
        live_run_until(l, &n, 20);
        pg_query_done(&extra.q);
        for (unsigned i = 0; i < 20; i++)
                pg_query_done(&q[i].q);
}

const struct live_story live_query_stories[] = {
        {"pipelined", pipelined},
        {"isolated", isolated},
        {"grouped", grouped},
        {"grouped-in-time", grouped_in_time},
        {"isolated-writes", isolated_writes},
        {"failing-commit", failing_commit},
        {"read-only", read_only},
        {"parameters", parameters},
        {"large-results", large_results},
        {"deallocated", deallocated},
        {"waiting-line", waiting_line},
        {0},
};
