/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
/* in this order */
#include <cmocka.h>

#include "gateway/record_feed.h"

/* ---- a table and a relay ---- */

static struct {
        int64_t n_records; /* with the totals 1 to this */
        struct pg_query *query;
        int64_t after, last; /* of the page under way: as asked, as it was */
        unsigned n_asked;
        int failure;
        struct event_relay_watch *turns;
} fake;

void record_store_after(struct pg_query *q, int64_t total, pg_query_fn complete)
{
        fake.query = q;
        fake.after = total;
        q->complete = complete;
}

int pg_query_submit(struct pg_query *q, struct pg_pool *pool, enum pg_lane lane, usec_t deadline_usec)
{
        if (fake.failure < 0)
                return fake.failure;
        fake.last = fake.n_records;
        fake.n_asked++;
        return 0;
}

void pg_query_done(struct pg_query *q)
{
        if (q == fake.query)
                fake.query = NULL;
        memset(q, 0, sizeof(*q));
}

size_t record_store_after_rows(const struct pg_query *q)
{
        return fake.after >= fake.last
                       ? 0
                       : (size_t)MIN_OF(fake.last - fake.after, (int64_t)RECORD_STORE_AFTER_MAX);
}

int64_t record_store_after_last(const struct pg_query *q)
{
        return fake.last;
}

struct record_view record_store_view(const struct pg_query *q, size_t row)
{
        return (struct record_view){.total = fake.after + 1 + (int64_t)row};
}

void event_relay_watch_add(struct event_relay *r, struct event_relay_watch *w)
{
        fake.turns = w;
}

void event_relay_watch_remove(struct event_relay_watch *w)
{
        fake.turns = NULL;
}

/* The page under way comes. */
static void deliver(int status)
{
        assert_non_null(fake.query);
        fake.query->status = status;
        fake.query->complete(fake.query);
}

/* Until there is nothing to read. */
static void deliver_all(void)
{
        while (fake.query)
                deliver(0);
}

static void turn(int64_t head)
{
        fake.turns->turned(fake.turns, head);
}

/* ---- those who watch ---- */

struct reader {
        struct record_watch watch;
        int64_t since, seen, lost;
        unsigned n_taken;
        int answer;        /* what take() says, */
        int64_t answer_at; /* from this total on */
};

static void on_placed(struct record_watch *w)
{
        container_of(w, struct reader, watch)->since = w->position;
}

/* Each once, in order. */
static int on_record(struct record_watch *w, const struct record_view *v)
{
        struct reader *r = container_of(w, struct reader, watch);
        int answer = v->total >= r->answer_at ? r->answer : 0;

        if (answer < 0)
                return answer;
        assert_int_equal(v->total, (r->seen > 0 ? r->seen : r->since) + 1);
        r->seen = v->total;
        r->n_taken++;
        return answer;
}

static void on_lost(struct record_watch *w, int64_t last)
{
        container_of(w, struct reader, watch)->lost = last;
}

static struct record_feed feed;

static void start(struct reader *r, int64_t position)
{
        *r = (struct reader){
                .watch = {.placed = on_placed, .take = on_record, .lost = on_lost, .position = position},
                .since = -1,
                .lost = -1};
        record_watch_start(&r->watch, &feed);
}

static int setup(void **state)
{
        memset(&fake, 0, sizeof(fake));
        memset(&feed, 0, sizeof(feed));
        record_feed_start(&feed, NULL, (struct event_relay *)&feed);
        return 0;
}

static int teardown(void **state)
{
        record_feed_stop(&feed);
        return 0;
}

/* ---- */

/* It begins with the next; when nothing new was committed nobody asks. */
static void test_from_now(void **state)
{
        struct reader r;

        fake.n_records = 7;
        start(&r, RECORD_FROM_NOW);
        deliver_all();
        assert_int_equal(r.since, 7);
        assert_int_equal(r.n_taken, 0);
        turn(1);
        deliver_all();
        fake.n_records = 9;
        turn(2);
        deliver_all();
        assert_int_equal(r.seen, 9);
        fake.n_asked = 0;
        turn(2);
        assert_int_equal(fake.n_asked, 0);
        record_watch_stop(&r.watch);
        assert_int_equal(feed.n_watches, 0);
}

/* Pages, until it is up to date. */
static void test_from_a_total(void **state)
{
        struct reader r;

        fake.n_records = 250;
        start(&r, 20);
        deliver_all();
        assert_int_equal(r.since, 20);
        assert_int_equal(r.seen, 250);
        assert_int_equal(fake.n_asked, 3);
        record_watch_stop(&r.watch);
}

/* One look serves all who are up to date. */
static void test_shared_looks(void **state)
{
        struct reader r[5];

        for (size_t i = 0; i < ARRAY_SIZE(r); i++)
                start(&r[i], 0);
        deliver_all();
        fake.n_records = 3;
        fake.n_asked = 0;
        turn(1);
        deliver_all();
        assert_int_equal(fake.n_asked, 1);
        for (size_t i = 0; i < ARRAY_SIZE(r); i++) {
                assert_int_equal(r[i].seen, 3);
                record_watch_stop(&r[i].watch);
        }
}

/* A page that was asked for before it came knows less than it may: it is not served by it. */
static void test_one_who_comes_during_a_look(void **state)
{
        struct reader first, second;

        fake.n_records = 5;
        start(&first, 0);
        fake.n_records = 6;
        start(&second, 6);
        deliver_all();
        assert_int_equal(first.seen, 5);
        assert_int_equal(second.lost, -1);
        assert_int_equal(second.since, 6);
        record_watch_stop(&first.watch);
        record_watch_stop(&second.watch);
}

/* What is committed during a look is looked for after it. */
static void test_a_turn_during_a_look(void **state)
{
        struct reader r;

        start(&r, 0);
        fake.n_records = 1;
        turn(1);
        deliver(0);
        assert_int_equal(r.seen, 0);
        deliver_all();
        assert_int_equal(r.seen, 1);
        record_watch_stop(&r.watch);
}

/* One who says stop gets no more, and misses nothing when he goes on; nobody reads for him meanwhile. */
static void test_blocked(void **state)
{
        struct reader r;

        fake.n_records = 150;
        start(&r, 0);
        r.answer = 1;
        r.answer_at = 50;
        deliver_all();
        assert_int_equal(r.seen, 50);
        fake.n_records = 151;
        fake.n_asked = 0;
        turn(1);
        assert_int_equal(fake.n_asked, 0);
        r.answer = 0;
        record_watch_go_on(&r.watch);
        deliver_all();
        assert_int_equal(r.seen, 151);
        record_watch_stop(&r.watch);
}

/* What was not taken is offered again with the next turn, though no event has come. */
static void test_not_now(void **state)
{
        struct reader r;

        fake.n_records = 3;
        start(&r, 0);
        r.answer = -EAGAIN;
        r.answer_at = 2;
        deliver_all();
        assert_int_equal(r.seen, 1);
        r.answer = 0;
        turn(0);
        deliver_all();
        assert_int_equal(r.seen, 3);
        record_watch_stop(&r.watch);
}

/* One who wants no more gets no more. */
static void test_no_more(void **state)
{
        struct reader r;

        fake.n_records = 3;
        start(&r, 0);
        r.answer = -EPIPE;
        r.answer_at = 2;
        deliver_all();
        turn(1);
        assert_null(fake.query);
        assert_int_equal(r.seen, 1);
        record_watch_stop(&r.watch);
}

/* A look that fails is begun again with the next turn. */
static void test_failures(void **state)
{
        struct reader r;

        fake.n_records = 3;
        start(&r, 0);
        deliver(-ENOTCONN);
        assert_null(fake.query);
        fake.failure = -EBUSY;
        turn(0);
        assert_null(fake.query);
        fake.failure = 0;
        turn(0);
        deliver_all();
        assert_int_equal(r.seen, 3);
        record_watch_stop(&r.watch);
}

/* Records that are not there, at first or any more. */
static void test_lost(void **state)
{
        struct reader ahead, up_to_date;

        fake.n_records = 3;
        start(&ahead, 4);
        start(&up_to_date, 3);
        deliver_all();
        assert_int_equal(ahead.lost, 3);
        assert_int_equal(up_to_date.lost, -1);
        fake.n_records = 2;
        turn(1);
        deliver_all();
        assert_int_equal(up_to_date.lost, 2);
        record_watch_stop(&ahead.watch);
        record_watch_stop(&up_to_date.watch);
}

/* One who has all to catch up with does not keep the others waiting. */
static void test_turns(void **state)
{
        struct reader behind, other;

        fake.n_records = 10000;
        start(&behind, 0);
        start(&other, 9990);
        deliver(0);
        deliver(0);
        assert_int_equal(other.seen, 10000);
        assert_int_equal(behind.seen, RECORD_STORE_AFTER_MAX);
        deliver_all();
        assert_int_equal(behind.seen, 10000);
        record_watch_stop(&behind.watch);
        record_watch_stop(&other.watch);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(test_from_now, setup, teardown),
                cmocka_unit_test_setup_teardown(test_from_a_total, setup, teardown),
                cmocka_unit_test_setup_teardown(test_shared_looks, setup, teardown),
                cmocka_unit_test_setup_teardown(test_one_who_comes_during_a_look, setup, teardown),
                cmocka_unit_test_setup_teardown(test_a_turn_during_a_look, setup, teardown),
                cmocka_unit_test_setup_teardown(test_blocked, setup, teardown),
                cmocka_unit_test_setup_teardown(test_not_now, setup, teardown),
                cmocka_unit_test_setup_teardown(test_no_more, setup, teardown),
                cmocka_unit_test_setup_teardown(test_failures, setup, teardown),
                cmocka_unit_test_setup_teardown(test_lost, setup, teardown),
                cmocka_unit_test_setup_teardown(test_turns, setup, teardown),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
