/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* in this order */
#include <cmocka.h>

#include <errno.h>
#include <string.h>

#include "contract/event_message.h"
#include "fake-log.h"
#include "notifier/feed.h"

static struct feed feed;
static unsigned n_looked, n_reset;

static void on_looked(struct feed *f)
{
        n_looked++;
}

static void on_reset(struct feed *f)
{
        n_reset++;
}

static void start(uint64_t recent_max, uint64_t recent_bytes)
{
        const struct feed_conf conf = {recent_max, recent_bytes};

        feed = (struct feed){.looked = on_looked, .reset = on_reset};
        n_looked = n_reset = 0;
        assert_int_equal(feed_start(&feed, NULL, NULL, NULL, &conf), 0);
        feed_on(&feed);
}

/* It follows a log that ends at `last`. */
static void follow(int64_t last)
{
        fake_log.last = last;
        (void)feed_look(&feed);
        fake_log_answer_all();
        assert_int_equal(feed.last, last);
}

static int setup(void **state)
{
        fake_log_reset();
        return 0;
}

static int teardown(void **state)
{
        feed_stop(&feed);
        assert_int_equal(fake_log_reading(), 0);
        return 0;
}

static void tell(int64_t offset)
{
        struct buf body = BUF_EMPTY;

        event_message_encode(&body, "e2d1a9b0-5b1e-4b7e-8a7a-000000000000", "record.added", "1",
                             "2026-01-01T00:00:00.000000Z", offset, 1, NULL, "{}");
        fake_log.consumer->delivered(fake_log.consumer, &(struct mq_delivery){.body = buf_bytes(&body),
                                                                              .body_size = buf_size(&body)});
        buf_done(&body);
}

/* ---- */

/* What is newest is in the ring after the first look, for those who come back after a restart. */
static void test_first_look(void **state)
{
        fake_log.first = 11;
        fake_log.last = 5000;
        start(10000, 1 << 20);
        assert_int_equal(feed_look(&feed), 1);
        fake_log_answer(0);
        assert_int_equal(n_looked, 0);
        fake_log_answer_all();
        assert_int_equal(n_looked, 1);
        assert_int_equal(feed.n_looked, 1);
        assert_int_equal(feed.first, 11);
        assert_int_equal(feed.last, 5000);
        assert_true(feed.ring_first <= 4001);
        for (int64_t i = feed.ring_first; i <= feed.last; i++) {
                assert_int_equal(feed_at(&feed, i)->offset, i);
                assert_string_equal(feed_at(&feed, i)->type, fake_log_type(i));
        }
}

/* A log in which nothing is kept has a place, too. */
static void test_an_empty_log(void **state)
{
        fake_log.first = 8;
        fake_log.last = 7;
        start(10, 1 << 20);
        follow(7);
        assert_int_equal(n_looked, 1);
        follow(8);
        assert_int_equal(feed_at(&feed, 8)->offset, 8);
        assert_int_equal(n_reset, 0);
}

/* Whoever asks while a look is under way waits for the one after it. */
static void test_a_look_during_a_look(void **state)
{
        start(10, 1 << 20);
        assert_int_equal(feed_look(&feed), 1);
        fake_log.last = 1; /* the read under way does not know */
        assert_int_equal(feed_look(&feed), 2);
        assert_int_equal(feed_look(&feed), 2);
        fake_log_answer(0);
        assert_int_equal(feed.n_looked, 1);
        fake_log_answer_all();
        assert_int_equal(feed.n_looked, 2);
        assert_int_equal(feed.last, 1);
}

/* The ring holds so many, and so many bytes; the rest is forgotten from the front. */
static void test_bounds(void **state)
{
        size_t size;

        start(10, 1 << 20);
        follow(9);
        follow(25);
        assert_int_equal(feed.ring_first, 16);
        size = feed_at(&feed, 20)->frame->size;
        feed_stop(&feed);

        start(100, 3 * size);
        follow(25);
        follow(35);
        assert_int_equal(feed.ring_first, 33);
        assert_true(feed.ring_bytes <= 3 * size);
        feed_stop(&feed);

        start(100, 1); /* the newest is always there */
        follow(40);
        follow(41);
        assert_int_equal(feed.ring_first, 41);
}

/* An event from the broker is a reason to look when it is new. */
static void test_wakes(void **state)
{
        start(10, 1 << 20);
        follow(5);
        tell(5);
        fake_log.consumer->delivered(fake_log.consumer, &(struct mq_delivery){.body = "{", .body_size = 1});
        assert_int_equal(fake_log_reading(), 0);
        fake_log.last = 6;
        tell(6);
        assert_int_equal(fake_log_reading(), 1);
        fake_log_answer_all();
        assert_int_equal(feed.last, 6);
        fake_log.consumer->started(fake_log.consumer);
        assert_int_equal(fake_log_reading(), 1);
        fake_log_answer_all();
}

/* Each second is one, too, unless there is a look already. */
static void test_ticks(void **state)
{
        start(10, 1 << 20);
        follow(5);
        fake_log.last = 7;
        feed.tick.fire(&feed.tick);
        feed.tick.fire(&feed.tick);
        assert_int_equal(fake_log_reading(), 1);
        fake_log_answer_all();
        assert_int_equal(feed.last, 7);
}

/* A look that fails tells nobody anything; the next tick's counts for those who waited for it. */
static void test_failures(void **state)
{
        uint64_t look;

        start(2000, 1 << 20);
        follow(5);
        fake_log.last = 1200;
        look = feed_look(&feed);
        fake_log_answer(0);
        fake_log_answer(-ENOTCONN);
        assert_int_equal(fake_log_reading(), 0);
        assert_int_equal(n_looked, 1);
        fake_log.failure = -EBUSY;
        feed.tick.fire(&feed.tick);
        assert_int_equal(fake_log_reading(), 0);
        fake_log.failure = 0;
        feed.tick.fire(&feed.tick);
        fake_log_answer_all();
        assert_true(feed.n_looked >= look);
        assert_int_equal(feed.last, 1200);
        assert_int_equal(n_reset, 0);
}

/* A log that ends before what was read, or has lost what comes next, is another one. */
static void test_another_log(void **state)
{
        start(10, 1 << 20);
        follow(9);
        fake_log.last = 3;
        (void)feed_look(&feed);
        fake_log_answer_all();
        assert_int_equal(n_reset, 1);
        assert_int_equal(feed.last, 3);
        fake_log.first = 10;
        fake_log.last = 12;
        (void)feed_look(&feed);
        fake_log_answer_all();
        assert_int_equal(n_reset, 2);
        assert_int_equal(feed.first, 10);
        assert_int_equal(feed.last, 12);
        assert_true(feed.ring_first >= 10);
}

/* Nobody listens: nothing is read, nothing kept; and then it begins anew. */
static void test_off_and_on(void **state)
{
        start(10, 1 << 20);
        follow(9);
        feed_look(&feed);
        feed_off(&feed);
        assert_int_equal(fake_log_reading(), 0);
        assert_false(loop_timer_is_armed(&feed.tick));
        fake_log.last = 20;
        tell(20);
        fake_log.consumer->started(fake_log.consumer);
        assert_int_equal(fake_log_reading(), 0);
        feed_on(&feed);
        follow(20);
        assert_int_equal(n_reset, 0);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(test_first_look, setup, teardown),
                cmocka_unit_test_setup_teardown(test_an_empty_log, setup, teardown),
                cmocka_unit_test_setup_teardown(test_a_look_during_a_look, setup, teardown),
                cmocka_unit_test_setup_teardown(test_bounds, setup, teardown),
                cmocka_unit_test_setup_teardown(test_wakes, setup, teardown),
                cmocka_unit_test_setup_teardown(test_ticks, setup, teardown),
                cmocka_unit_test_setup_teardown(test_failures, setup, teardown),
                cmocka_unit_test_setup_teardown(test_another_log, setup, teardown),
                cmocka_unit_test_setup_teardown(test_off_and_on, setup, teardown),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
