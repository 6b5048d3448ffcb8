/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */
#include <errno.h>
#include <poll.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/parse.h"
#include "live.h"

#define WRITERS 32

/* A writer inserts its next number until it is sure that it is there; what it was told is printed at the end,
 * and test_pg.py compares with the table. */
struct writer {
        struct live_query lq;
        struct live *l;
        int64_t number;
        uint64_t n_acked, n_unknown, n_never, n_called;
        bool stopped;
};

static const struct pg_statement insert = {"insert", "INSERT INTO thing VALUES ($1::bigint)"};
static const struct pg_statement look = {"look", "SELECT count(*), $1::int FROM thing"};

static void writer_go(struct writer *w);

static void on_written(struct pg_query *q)
{
        struct writer *w = container_of(container_of(q, struct live_query, q), struct writer, lq);
        bool again = false;

        w->n_called++;
        if (q->status == 0) {
                printf("acked %lld\n", (long long)w->number);
                w->n_acked++;
        } else if (q->status == -ECONNRESET) {
                CHECK(q->was_sent);
                printf("unknown %lld\n", (long long)w->number);
                w->n_unknown++;
        } else { /* no server for that long: surely not there */
                CHECK(q->status == -ENOTCONN || (q->status == -ETIMEDOUT && !q->was_sent));
                w->n_never++;
                again = true;
        }
        pg_query_done(q);
        if (!again)
                w->number += WRITERS;
        if (!w->stopped)
                writer_go(w);
}

static void writer_go(struct writer *w)
{
        pg_query_init(&w->lq.q, &insert, on_written);
        pg_query_int(&w->lq.q, w->number);
        CHECK_INT(pg_query_submit(&w->lq.q, w->l->pool, PG_LANE_WRITE, live_in(2 * USEC_PER_SEC)), 0);
}

struct reader {
        struct live_query lq;
        struct live *l;
        bool stopped;
        uint64_t n_ok, n_away, n_failed;
};

static void reader_go(struct reader *r);

static void on_read(struct pg_query *q)
{
        struct reader *r = container_of(container_of(q, struct live_query, q), struct reader, lq);

        if (q->status == 0)
                r->n_ok++;
        else if (q->status == -ENOTCONN) /* no server for longer than anybody is asked to wait */
                r->n_away++;
        else
                r->n_failed++;
        pg_query_done(q);
        if (!r->stopped)
                reader_go(r);
}

static void reader_go(struct reader *r)
{
        pg_query_init(&r->lq.q, &look, on_read);
        pg_query_int(&r->lq.q, 0);
        CHECK_INT(pg_query_submit(&r->lq.q, r->l->pool, PG_LANE_READ, live_in(30 * USEC_PER_SEC)), 0);
}

static bool world_has_spoken(void)
{
        struct pollfd p = {.fd = STDIN_FILENO, .events = POLLIN};

        return poll(&p, 1, 0) > 0;
}

/* Writers and a reader run while the world kills the server again and again. */
static void load_story(struct live *l)
{
        static struct writer w[WRITERS];
        struct reader r = {.l = l};
        uint64_t n_called = 0;
        unsigned n_busy;

        live_new_pool(l);
        for (unsigned i = 0; i < WRITERS; i++) {
                w[i] = (struct writer){.l = l, .number = i + 1};
                writer_go(&w[i]);
        }
        reader_go(&r);
        live_say("running");
        while (!world_has_spoken())
                CHECK(sd_event_run(l->loop, 100 * USEC_PER_MSEC) >= 0);
        r.stopped = true;
        for (unsigned i = 0; i < WRITERS; i++)
                w[i].stopped = true;
        do {
                n_busy = r.lq.q.state != PG_QUERY_IDLE;
                for (unsigned i = 0; i < WRITERS; i++)
                        n_busy += w[i].lq.q.state != PG_QUERY_IDLE;
                CHECK(sd_event_run(l->loop, 100 * USEC_PER_MSEC) >= 0);
        } while (n_busy > 0);
        for (unsigned i = 0; i < WRITERS; i++) {
                n_called += w[i].n_called;
                CHECK_INT(w[i].n_called, w[i].n_acked + w[i].n_unknown + w[i].n_never);
        }
        CHECK_INT(r.n_failed, 0); /* reads are sent again when their server was killed */
        printf("calls %llu reads %llu\n", (unsigned long long)n_called, (unsigned long long)r.n_ok);
}

/* ---- throughput ---- */

struct bencher {
        struct pg_query q;
        struct bench *b;
};

struct bench {
        struct live *l;
        const struct pg_statement *statement;
        enum pg_lane lane;
        uint64_t n_done, n_rows, seed;
        usec_t end;
        unsigned n_busy;
};

static void bencher_go(struct bencher *x);

static void on_benched(struct pg_query *q)
{
        struct bencher *x = container_of(q, struct bencher, q);

        CHECK_INT(q->status, 0);
        CHECK(*pg_row_text(q, 0, 0));
        x->b->n_done++;
        pg_query_done(q);
        x->b->n_busy--;
        bencher_go(x);
}

static void bencher_go(struct bencher *x)
{
        struct bench *b = x->b;
        char code[24];
        uint64_t now;

        sd_event_now(b->l->loop, CLOCK_MONOTONIC, &now);
        if (now >= b->end)
                return;
        b->seed = b->seed * 6364136223846793005u + 1442695040888963407u;
        snprintf(code, sizeof(code), "P%06llu", (unsigned long long)((b->seed >> 33) % b->n_rows));
        pg_query_init(&x->q, b->statement, on_benched);
        pg_query_text(&x->q, code);
        CHECK_INT(pg_query_submit(&x->q, b->l->pool, b->lane, now + 30 * USEC_PER_SEC), 0);
        b->n_busy++;
}

static double cpu_seconds(void)
{
        struct rusage u;

        getrusage(RUSAGE_SELF, &u);
        return (double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) +
               (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec) / 1e6;
}

/* bench read|write IN-FLIGHT SECONDS ROWS CONNECTIONS */
static void bench_story(struct live *l)
{
        static const struct pg_statement statements[] = {
                {"bench_read", "SELECT code, price, description, version FROM bench WHERE code = $1"},
                {"bench_write", "UPDATE bench SET version = version + 1 WHERE code = $1 RETURNING version"}};
        uint64_t in_flight, seconds, n_rows, n_connections;
        struct bench b = {.l = l, .seed = 1};
        struct bencher *x;
        double cpu;
        bool write = streq(l->args[0], "write");

        CHECK_INT(parse_u64(l->args[1], 1, 100000, &in_flight), 0);
        CHECK_INT(parse_u64(l->args[2], 1, 600, &seconds), 0);
        CHECK_INT(parse_u64(l->args[3], 1, 1000000, &n_rows), 0);
        CHECK_INT(parse_u64(l->args[4], 1, 64, &n_connections), 0);
        l->conf.read_connections = l->conf.write_connections = n_connections;
        b.statement = &statements[write];
        b.lane = write ? PG_LANE_WRITE : PG_LANE_READ;
        b.n_rows = n_rows;
        live_new_pool(l);
        x = calloc(in_flight, sizeof(*x));
        CHECK(x);
        b.end = live_in(seconds * USEC_PER_SEC);
        cpu = cpu_seconds();
        for (uint64_t i = 0; i < in_flight; i++) {
                x[i].b = &b;
                bencher_go(&x[i]);
        }
        while (b.n_busy > 0)
                CHECK(sd_event_run(l->loop, USEC_INFINITY) >= 0);
        cpu = cpu_seconds() - cpu;
        printf("%s in_flight=%llu connections=%llu: %.0f/s, %.2f us of CPU each, %.2f of a core\n",
               l->args[0], (unsigned long long)in_flight, (unsigned long long)n_connections,
               (double)b.n_done / (double)seconds, cpu * 1e6 / (double)b.n_done, cpu / (double)seconds);
        free(x);
}

/* ---- LISTEN ---- */

struct ear {
        struct pg_listen listen;
        unsigned n_connected, n_lost, n_notified;
        char last[64];
};

static void on_connected(struct pg_listen *l)
{
        container_of(l, struct ear, listen)->n_connected++;
        live_say("connected");
}

static void on_lost(struct pg_listen *l)
{
        container_of(l, struct ear, listen)->n_lost++;
        live_say("lost");
}

static void on_notified(struct pg_listen *l, const char *payload)
{
        container_of(l, struct ear, listen)->n_notified++;
        live_say(payload);
        if (streq(payload, "stop"))
                pg_listen_stop(l);
}

/* Tells what it hears until it hears "stop", through a restart of the server. */
static void listen_story(struct live *l)
{
        struct ear e = {.listen = {.connected = on_connected, .lost = on_lost, .notified = on_notified}};

        CHECK_INT(pg_listen_start(&e.listen, l->loop, &l->conf, "pg-live", "bad name"), -EINVAL);
        CHECK_INT(pg_listen_start(&e.listen, l->loop, &l->conf, "pg-live", "story"), 0);
        while (e.listen.link)
                CHECK(sd_event_run(l->loop, USEC_INFINITY) >= 0);
        CHECK_INT(e.n_connected, e.n_lost + 1);
}

const struct live_story live_load_stories[] = {
        {"load", load_story},
        {"bench", bench_story},
        {"listen", listen_story},
        {0},
};
