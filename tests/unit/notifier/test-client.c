/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */

/* Clients on the real feed and the real readers for those who are behind; the log is fake-log.c. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* in this order */
#include <cmocka.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "fake-log.h"
#include "notifier/notifier.h"
#include "ws/ws_conn.h"

static struct notifier_conf conf;
static struct notifier daemon_;
static bool is_draining, is_stale;
static int n_holds;

/* ---- what is around a notifier ---- */

sd_event *service_loop(struct service *s)
{
        return NULL;
}

bool service_is_draining(const struct service *s)
{
        return is_draining;
}

void service_hold(struct service *s)
{
        n_holds++;
}

void service_release(struct service *s)
{
        n_holds--;
}

void auth_hold_drop(struct auth_hold *h)
{
        *h = (struct auth_hold){0};
}

void auth_hold_move(struct auth_hold *to, struct auth_hold *from,
                    void (*told)(struct auth_hold *h, bool ended))
{
        to->told = told;
}

bool auth_hold_is_fresh(const struct auth_hold *h)
{
        return !is_stale;
}

static void on_looked(struct feed *f)
{
        clients_on_looked(&daemon_);
}

static void on_reset(struct feed *f)
{
        clients_close_all(&daemon_, true, WS_CLOSE_RESTART, "anew");
}

/* ---- one who listens ---- */

struct listener {
        struct client client;
        char welcome[80];
        int64_t seen; /* the last offset */
        unsigned n_events, n_pings, closed;
        unsigned room;  /* so many events, and it wants no more for now; 0: all */
        bool wants_all; /* each offset must follow the last */
};

static int on_send(struct client *c, struct ws_frame *f, int64_t offset, const char *event)
{
        struct listener *l = container_of(c, struct listener, client);
        size_t n;
        const char *text = ws_frame_text(f, &n);

        assert_int_equal(l->closed, 0);
        if (event) {
                assert_string_equal(event, "welcome");
                assert_string_equal(l->welcome, "");
                assert_true(n < sizeof(l->welcome));
                memcpy(l->welcome, text, n);
                l->seen = offset;
                return 0;
        }
        assert_string_not_equal(l->welcome, "");
        if (l->wants_all)
                assert_int_equal(offset, l->seen + 1);
        assert_true(offset > l->seen);
        assert_int_equal(strtoll(text + strlen("{\"offset\":"), NULL, 10), offset);
        l->seen = offset;
        l->n_events++;
        return l->room > 0 && --l->room == 0;
}

static void on_ping(struct client *c)
{
        container_of(c, struct listener, client)->n_pings++;
}

static void on_close(struct client *c, unsigned code, const char *reason)
{
        container_of(c, struct listener, client)->closed = code;
        client_done(c);
}

static const struct client_ops ops = {
        .send = on_send, .ping = on_ping, .close = on_close, .drop = client_done};

static void come(struct listener *l, const char *topics, enum client_start start, int64_t number)
{
        struct client_wish wish = {.start = start, .number = number};
        const char *reason;

        *l = (struct listener){.wants_all = !topics};
        assert_int_equal(topics_get(&daemon_.clients.topics, topics, 8, &wish.topics, &reason), 0);
        client_open(&l->client, &daemon_, &ops, &wish);
        client_wish_done(&wish);
}

static void leave(struct listener *l)
{
        client_done(&l->client);
}

static void welcomed(const struct listener *l, const char *text)
{
        assert_string_equal(l->welcome, text);
}

/* The log grows, and the feed hears of it. */
static void grow(int64_t to)
{
        fake_log.last = to;
        (void)feed_look(&daemon_.feed);
        fake_log_answer_all();
}

static int setup(void **state)
{
        const struct feed_conf feed_conf = {100, 1 << 20};

        fake_log_reset();
        is_draining = is_stale = false;
        n_holds = 0;
        conf = (struct notifier_conf){.notifier = {.slow_client_usec = USEC_PER_SEC,
                                                   .ping_usec = USEC_PER_SEC,
                                                   .catch_ups_max = 2}};
        daemon_ = (struct notifier){.conf = &conf, .feed = {.looked = on_looked, .reset = on_reset}};
        assert_int_equal(clients_init(&daemon_), 0);
        return feed_start(&daemon_.feed, NULL, NULL, NULL, &feed_conf);
}

static int teardown(void **state)
{
        assert_int_equal(daemon_.clients.n_all, 0);
        assert_int_equal(n_holds, 0);
        feed_stop(&daemon_.feed);
        catch_up_done(&daemon_);
        clients_done(&daemon_);
        assert_int_equal(fake_log_reading(), 0);
        return 0;
}

/* ---- Where it begins ---- */

/* After what was there when it came; nothing is sent before the welcome. */
static void test_from_now(void **state)
{
        struct listener l;

        fake_log.last = 7;
        come(&l, NULL, CLIENT_FROM_NOW, 0);
        welcomed(&l, "");
        fake_log_answer_all();
        welcomed(&l, "{\"type\":\"welcome\",\"offset\":7,\"recovered\":true}");
        assert_int_equal(l.n_events, 0);
        grow(9);
        assert_int_equal(l.seen, 9);
        leave(&l);
}

/* A look that began before it came knows less than it may have seen: it waits for the next. */
static void test_one_who_comes_during_a_look(void **state)
{
        struct listener first, second;

        fake_log.last = 5;
        come(&first, NULL, CLIENT_FROM_NOW, 0);
        fake_log.last = 6;
        come(&second, NULL, CLIENT_FROM_OFFSET, 6);
        fake_log_answer(0);
        welcomed(&second, "");
        fake_log_answer_all();
        welcomed(&second, "{\"type\":\"welcome\",\"offset\":6,\"recovered\":true}");
        assert_int_equal(first.seen, 6);
        assert_int_equal(second.n_events, 0);
        leave(&first);
        leave(&second);
}

/* The newest so many, or as many as there are. */
static void test_from_last(void **state)
{
        struct listener some, all;

        fake_log.first = 5;
        fake_log.last = 20;
        come(&some, NULL, CLIENT_FROM_LAST, 3);
        come(&all, NULL, CLIENT_FROM_LAST, 100);
        fake_log_answer_all();
        welcomed(&some, "{\"type\":\"welcome\",\"offset\":17,\"recovered\":true}");
        welcomed(&all, "{\"type\":\"welcome\",\"offset\":4,\"recovered\":true}");
        assert_int_equal(some.n_events, 3);
        assert_int_equal(all.n_events, 16);
        leave(&some);
        leave(&all);
}

/* What is no longer kept, or not there yet, is not there to go on from: it is told. */
static void test_places_that_are_not_there(void **state)
{
        struct listener before, oldest, beyond;

        fake_log.first = 5;
        fake_log.last = 20;
        come(&before, NULL, CLIENT_FROM_OFFSET, 3);
        come(&oldest, NULL, CLIENT_FROM_OFFSET, 4);
        come(&beyond, NULL, CLIENT_FROM_OFFSET, 21);
        fake_log_answer_all();
        welcomed(&before, "{\"type\":\"welcome\",\"offset\":4,\"recovered\":false}");
        welcomed(&oldest, "{\"type\":\"welcome\",\"offset\":4,\"recovered\":true}");
        welcomed(&beyond, "{\"type\":\"welcome\",\"offset\":20,\"recovered\":false}");
        assert_int_equal(daemon_.clients.n_unrecovered, 2);
        assert_int_equal(before.n_events, 16);
        assert_int_equal(beyond.n_events, 0);
        leave(&before);
        leave(&oldest);
        leave(&beyond);
}

static void test_topics(void **state)
{
        struct listener l;

        come(&l, "record.*", CLIENT_FROM_NOW, 0);
        fake_log_answer_all();
        grow(10);
        assert_int_equal(l.n_events, 5);
        assert_int_equal(l.client.position, 10);
        leave(&l);
}

/* ---- Behind ---- */

/* Page by page from the log, then from the ring: each once, in order, while events go on. */
static void test_catching_up(void **state)
{
        struct listener l, live;

        fake_log.last = 2500;
        come(&live, NULL, CLIENT_FROM_NOW, 0);
        come(&l, NULL, CLIENT_FROM_OFFSET, 0);
        fake_log_answer_all();
        assert_int_equal(l.seen, 2500);
        assert_int_equal(l.client.state, CLIENT_LIVE);
        assert_true(daemon_.n_pages >= 5);
        grow(2600);
        assert_int_equal(l.n_events, 2600);
        assert_int_equal(live.n_events, 100);
        leave(&l);
        leave(&live);
}

/* There are so many readers, and those who wait take turns. */
static void test_turns(void **state)
{
        struct listener l[3];

        conf.notifier.catch_ups_max = 1;
        fake_log.last = 5000;
        for (size_t i = 0; i < ARRAY_SIZE(l); i++)
                come(&l[i], NULL, CLIENT_FROM_OFFSET, 0);
        while (l[2].seen == 0)
                fake_log_answer(0);
        for (unsigned i = 0; i < 10; i++) {
                assert_int_equal(fake_log_reading(), 1);
                /* one page for the one who came first and was alone */
                assert_true(l[0].seen - l[2].seen <= 2 * EVENT_LOG_PAGE);
                fake_log_answer(0);
        }
        fake_log_answer_all();
        for (size_t i = 0; i < ARRAY_SIZE(l); i++) {
                assert_int_equal(l[i].n_events, 5000);
                leave(&l[i]);
        }
}

/* What it was to read next was trimmed meanwhile: it is told to come back, and learns then that it has lost
 * some. */
static void test_trimmed_meanwhile(void **state)
{
        struct listener l, live;

        fake_log.last = 2000;
        come(&live, NULL, CLIENT_FROM_NOW, 0);
        come(&l, NULL, CLIENT_FROM_OFFSET, 0);
        while (l.seen == 0)
                fake_log_answer(0);
        assert_int_equal(l.seen, EVENT_LOG_PAGE);
        assert_int_equal(fake_log_reading(), 1);
        fake_log.reads[0].first = l.seen + 2;
        fake_log_answer_all();
        assert_int_equal(l.closed, WS_CLOSE_RESTART);
        assert_int_equal(l.seen, EVENT_LOG_PAGE);
        leave(&live);
}

/* The log cannot be read: it goes on with the next look. */
static void test_a_page_that_fails(void **state)
{
        struct listener l;

        fake_log.last = 2000;
        come(&l, NULL, CLIENT_FROM_OFFSET, 0);
        while (l.seen == 0)
                fake_log_answer(0);
        fake_log_answer(-ENOTCONN);
        assert_int_equal(fake_log_reading(), 0);
        assert_int_equal(l.closed, 0);
        grow(2001);
        assert_int_equal(l.n_events, 2001);
        leave(&l);
}

/* It goes while a page is read for it; the reader is free again. */
static void test_gone_meanwhile(void **state)
{
        struct listener l, other;

        conf.notifier.catch_ups_max = 1;
        fake_log.last = 2000;
        come(&l, NULL, CLIENT_FROM_OFFSET, 0);
        come(&other, NULL, CLIENT_FROM_OFFSET, 1000);
        while (l.seen == 0)
                fake_log_answer(0);
        leave(&l);
        if (other.client.is_reading) /* not his page: the next */
                fake_log_answer(0);
        fake_log_answer_all();
        assert_int_equal(other.seen, 2000);
        leave(&other);
}

/* ---- Slow ---- */

/* One who takes no more gets no more and costs no reading; then he goes on without a hole, from the log if
 * the ring has left him behind. */
static void test_blocked(void **state)
{
        struct listener slow, quick;

        come(&slow, NULL, CLIENT_FROM_NOW, 0);
        come(&quick, NULL, CLIENT_FROM_NOW, 0);
        fake_log_answer_all();
        slow.room = 3;
        grow(50);
        assert_int_equal(slow.seen, 3);
        assert_int_equal(quick.seen, 50);
        assert_true(expiry_is_started(&slow.client.slow));
        slow.room = 0;
        client_writable(&slow.client);
        assert_false(expiry_is_started(&slow.client.slow));
        fake_log_answer_all();
        assert_int_equal(slow.seen, 50);

        slow.room = 1;
        grow(60);
        grow(500); /* the ring holds 100 */
        assert_int_equal(slow.seen, 51);
        assert_int_equal(quick.seen, 500);
        assert_int_equal(fake_log_reading(), 0);
        slow.room = 0;
        client_writable(&slow.client);
        fake_log_answer_all();
        assert_int_equal(slow.seen, 500);
        leave(&slow);
        leave(&quick);
}

/* Blocked in the middle of a page: the rest of it is read again later. */
static void test_blocked_while_behind(void **state)
{
        struct listener l;

        fake_log.last = 1000;
        come(&l, NULL, CLIENT_FROM_OFFSET, 0);
        l.room = 20;
        fake_log_answer_all();
        assert_int_equal(l.seen, 20);
        assert_int_equal(fake_log_reading(), 0);
        l.room = 0;
        client_writable(&l.client);
        fake_log_answer_all();
        assert_int_equal(l.n_events, 1000);
        leave(&l);
}

/* For too long: told, closed, and nobody else notices. */
static void test_too_slow(void **state)
{
        struct listener slow, quick;

        come(&slow, NULL, CLIENT_FROM_NOW, 0);
        come(&quick, NULL, CLIENT_FROM_NOW, 0);
        fake_log_answer_all();
        slow.room = 1;
        grow(5);
        daemon_.clients.slow.expired(&daemon_.clients.slow, &slow.client.slow);
        assert_int_equal(slow.closed, WS_CLOSE_TRY_LATER);
        assert_int_equal(daemon_.clients.n_slow, 1);
        grow(9);
        assert_int_equal(slow.seen, 1);
        assert_int_equal(quick.seen, 9);
        leave(&quick);
}

/* ---- Ends ---- */

static void ping(struct listener *l)
{
        daemon_.clients.pings.expired(&daemon_.clients.pings, &l->client.ping);
}

/* Two pings without an answer; whoever says anything is there. */
static void test_pings(void **state)
{
        struct listener l;

        come(&l, NULL, CLIENT_FROM_NOW, 0);
        fake_log_answer_all();
        for (unsigned i = 0; i < 10; i++) {
                ping(&l);
                client_heard(&l.client);
        }
        assert_int_equal(l.n_pings, 10);
        assert_int_equal(l.closed, 0);
        l.client.n_unheard = 2;
        ping(&l);
        assert_int_equal(l.closed, WS_CLOSE_GOING_AWAY);
        assert_int_equal(daemon_.clients.n_unanswered, 1);
}

/* Nothing is sent while nobody knows whether the session still is; then all of it, or the end. */
static void test_sessions(void **state)
{
        struct listener l;

        come(&l, NULL, CLIENT_FROM_NOW, 0);
        fake_log_answer_all();
        grow(2);
        is_stale = true;
        grow(5);
        assert_int_equal(l.seen, 2);
        is_stale = false;
        l.client.hold.told(&l.client.hold, false);
        fake_log_answer_all();
        assert_int_equal(l.seen, 5);
        l.client.hold.told(&l.client.hold, true);
        assert_int_equal(l.closed, WS_CLOSE_POLICY);
}

/* The log begins anew: those who have a place are told to come back, those who come get one. */
static void test_another_log(void **state)
{
        struct listener l, later;

        fake_log.last = 9;
        come(&l, NULL, CLIENT_FROM_NOW, 0);
        fake_log_answer_all();
        fake_log.last = 3;
        come(&later, NULL, CLIENT_FROM_OFFSET, 2);
        fake_log_answer_all();
        assert_int_equal(l.closed, WS_CLOSE_RESTART);
        welcomed(&later, "{\"type\":\"welcome\",\"offset\":2,\"recovered\":true}");
        assert_int_equal(later.seen, 3);
        leave(&later);
}

/* Whoever comes while the daemon leaves is told to come back. */
static void test_draining(void **state)
{
        struct listener l;

        is_draining = true;
        come(&l, NULL, CLIENT_FROM_NOW, 0);
        assert_int_equal(l.closed, WS_CLOSE_GOING_AWAY);
        assert_int_equal(daemon_.clients.n_opened, 1);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(test_from_now, setup, teardown),
                cmocka_unit_test_setup_teardown(test_one_who_comes_during_a_look, setup, teardown),
                cmocka_unit_test_setup_teardown(test_from_last, setup, teardown),
                cmocka_unit_test_setup_teardown(test_places_that_are_not_there, setup, teardown),
                cmocka_unit_test_setup_teardown(test_topics, setup, teardown),
                cmocka_unit_test_setup_teardown(test_catching_up, setup, teardown),
                cmocka_unit_test_setup_teardown(test_turns, setup, teardown),
                cmocka_unit_test_setup_teardown(test_trimmed_meanwhile, setup, teardown),
                cmocka_unit_test_setup_teardown(test_a_page_that_fails, setup, teardown),
                cmocka_unit_test_setup_teardown(test_gone_meanwhile, setup, teardown),
                cmocka_unit_test_setup_teardown(test_blocked, setup, teardown),
                cmocka_unit_test_setup_teardown(test_blocked_while_behind, setup, teardown),
                cmocka_unit_test_setup_teardown(test_too_slow, setup, teardown),
                cmocka_unit_test_setup_teardown(test_pings, setup, teardown),
                cmocka_unit_test_setup_teardown(test_sessions, setup, teardown),
                cmocka_unit_test_setup_teardown(test_another_log, setup, teardown),
                cmocka_unit_test_setup_teardown(test_draining, setup, teardown),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
