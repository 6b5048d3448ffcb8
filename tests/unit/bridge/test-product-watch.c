/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/str.h"
#include "fake-api.h"

#define LONG_USEC (3600 * USEC_PER_SEC)
#define TICK_USEC (120 * USEC_PER_MSEC)

struct fixture {
        sd_event *loop;
        struct fake_api api;
        struct upstream upstream;
        struct product_book book;
        struct bearer_book bearers;
};

/* A watcher that takes each line at once, unless told not to. */
struct watcher {
        struct watch watch;
        unsigned n_ready, n_lines;
        bool is_slow;
        char line[512];
};

static void take(struct watcher *w)
{
        _cleanup_(buf_done) struct buf out = BUF_EMPTY;

        watch_line(&w->watch, &out);
        assert_int_equal(buf_error(&out), 0);
        snprintf(w->line, sizeof(w->line), "%.*s", (int)buf_size(&out), buf_bytes(&out));
        w->n_lines++;
}

static void on_ready(struct watch *watch)
{
        struct watcher *w = container_of(watch, struct watcher, watch);

        w->n_ready++;
        if (!w->is_slow)
                take(w);
}

static void watcher_start(struct watcher *w, struct fixture *x, usec_t interval)
{
        w->watch.interval_usec = interval;
        w->watch.ready = on_ready;
        assert_int_equal(watch_start(&w->watch, &x->book, "A1"), 0);
}

static int setup(void **state)
{
        struct fixture *x = calloc(1, sizeof(*x));

        assert_int_equal(sd_event_new(&x->loop), 0);
        fake_api_start(&x->api, x->loop);
        assert_int_equal(upstream_init(&x->upstream, x->loop, x->api.http.url, "", 4, USEC_PER_SEC), 0);
        product_book_init(&x->book, x->loop, &x->upstream);
        bearer_book_init(&x->bearers, x->loop, &x->upstream);
        x->book.is_live = true;
        *state = x;
        return 0;
}

static int teardown(void **state)
{
        struct fixture *x = *state;

        assert_int_equal(x->book.n_watches, 0);
        assert_int_equal(x->book.products.n_entries, 0);
        product_book_done(&x->book);
        bearer_book_done(&x->bearers);
        upstream_done(&x->upstream);
        fake_api_stop(&x->api);
        sd_event_unref(x->loop);
        free(x);
        return 0;
}

/* A hundred watchers of one product cost one GET, and are told the same; so is one who comes later. */
static void test_shared(void **state)
{
        struct fixture *x = *state;
        struct watcher w[100] = {0};

        for (size_t i = 0; i < 99; i++)
                watcher_start(&w[i], x, LONG_USEC);
        tiny_run_until(x->loop, &w[98].n_lines, 1);
        watcher_start(&w[99], x, LONG_USEC);
        assert_int_equal(w[99].n_lines, 1);
        assert_int_equal(x->api.n_gets, 1);
        for (size_t i = 0; i < 100; i++) {
                assert_string_equal(w[i].line,
                                    "JSON+PRODUCT+{\"code\":\"A1\",\"description\":\"x\",\"version\":1}\n");
                watch_stop(&w[i].watch);
        }
}

/* An event with a newer version causes one conditional GET; an old one none, nor one of another product. */
static void test_event(void **state)
{
        struct fixture *x = *state;
        struct watcher w = {0};

        watcher_start(&w, x, LONG_USEC);
        tiny_run_until(x->loop, &w.n_lines, 1);
        product_book_event(&x->book, "A1", 1, NULL);
        product_book_event(&x->book, "B2", 9, NULL);
        x->api.version = 2;
        product_book_event(&x->book, "A1", 2, "request-1");
        product_book_event(&x->book, "A1", 2, "request-1");
        tiny_run_until(x->loop, &w.n_lines, 2);
        tiny_run_for(x->loop, 20 * USEC_PER_MSEC);
        assert_int_equal(x->api.n_gets, 2);
        assert_non_null(strstr(w.line, "\"version\":2"));
        watch_stop(&w.watch);
}

/* An event during a GET that does not bring its version causes another GET; if it does, none. */
static void test_event_during_get(void **state)
{
        struct fixture *x = *state;
        struct watcher w = {0};

        watcher_start(&w, x, LONG_USEC);
        tiny_run_until(x->loop, &w.n_lines, 1);

        x->api.holds = true;
        x->api.version = 2;
        product_book_event(&x->book, "A1", 2, NULL);
        tiny_run_until(x->loop, &x->api.n_gets, 2);
        product_book_event(&x->book, "A1", 3, NULL);
        fake_api_release(&x->api); /* still 2 */
        x->api.version = 3;
        tiny_run_until(x->loop, &w.n_lines, 3);
        assert_int_equal(x->api.n_gets, 3);
        assert_non_null(strstr(w.line, "\"version\":3"));

        x->api.holds = true;
        product_book_event(&x->book, "A1", 4, NULL);
        tiny_run_until(x->loop, &x->api.n_gets, 4);
        x->api.version = 5;
        product_book_event(&x->book, "A1", 5, NULL);
        fake_api_release(&x->api);
        tiny_run_until(x->loop, &w.n_lines, 4);
        tiny_run_for(x->loop, 20 * USEC_PER_MSEC);
        assert_int_equal(x->api.n_gets, 4);
        watch_stop(&w.watch);
}

/* Who comes while the event's GET is under way is told what that GET brings. */
static void test_newcomer_during_get(void **state)
{
        struct fixture *x = *state;
        struct watcher w = {0}, late = {0};

        x->api.holds = true;
        watcher_start(&w, x, LONG_USEC);
        tiny_run_until(x->loop, &x->api.n_gets, 1);
        watcher_start(&late, x, LONG_USEC);
        fake_api_release(&x->api);
        tiny_run_until(x->loop, &late.n_lines, 1);
        assert_int_equal(w.n_lines, 1);
        assert_int_equal(x->api.n_gets, 1);
        watch_stop(&w.watch);
        watch_stop(&late.watch);
}

/* At the smallest interval there is one conditional GET; whose interval is over is told although nothing has
 * changed, others are not, and on=change never. */
static void test_interval(void **state)
{
        struct fixture *x = *state;
        struct watcher often = {0}, seldom = {0}, silent = {.watch.on_change = true};

        watcher_start(&often, x, TICK_USEC);
        watcher_start(&seldom, x, LONG_USEC);
        watcher_start(&silent, x, TICK_USEC);
        tiny_run_until(x->loop, &often.n_lines, 4);
        assert_int_equal(x->api.n_gets, 4);
        assert_int_equal(x->api.n_same, 3);
        assert_int_equal(seldom.n_lines, 1);
        assert_int_equal(silent.n_lines, 1);
        x->api.version = 2;
        tiny_run_until(x->loop, &silent.n_lines, 2); /* found by asking, without an event */
        assert_int_equal(seldom.n_lines, 2);
        watch_stop(&often.watch);
        watch_stop(&silent.watch);
        watch_stop(&seldom.watch);
}

/* With the impatient watcher gone, the product is asked for as seldom as the others want. */
static void test_interval_grows(void **state)
{
        struct fixture *x = *state;
        struct watcher often = {0}, seldom = {0};

        watcher_start(&often, x, TICK_USEC);
        watcher_start(&seldom, x, LONG_USEC);
        tiny_run_until(x->loop, &often.n_lines, 2);
        watch_stop(&often.watch);
        tiny_run_for(x->loop, 3 * TICK_USEC);
        assert_true(x->api.n_gets <= 3); /* one tick was on its way */
        watch_stop(&seldom.watch);
}

/* A product that is not there, goes or comes back is told as such, and is watched on. */
static void test_absent(void **state)
{
        struct fixture *x = *state;
        struct watcher w = {0};

        x->api.version = 0;
        watcher_start(&w, x, LONG_USEC);
        tiny_run_until(x->loop, &w.n_lines, 1);
        assert_string_equal(
                w.line,
                "ERROR+PRODUCT+{\"type\":\"urn:lonja:problem:not-found\",\"status\":404,\"code\":\"A1\"}\n");
        x->api.version = 6;
        product_book_event(&x->book, "A1", 6, NULL);
        tiny_run_until(x->loop, &w.n_lines, 2);
        assert_non_null(strstr(w.line, "\"version\":6"));
        x->api.version = 0;
        product_book_event(&x->book, "A1", 7, NULL);
        tiny_run_until(x->loop, &w.n_lines, 3);
        assert_non_null(startswith(w.line, "ERROR+"));
        x->api.version = 8;
        product_book_event(&x->book, "A1", 7, NULL); /* repeated: known */
        product_book_event(&x->book, "A1", 8, NULL);
        tiny_run_until(x->loop, &w.n_lines, 4);
        assert_int_equal(x->api.n_gets, 4);
        watch_stop(&w.watch);
}

/* One broken connection is nobody's business; an API that stays away is told, once, and its return too, even
 * though nothing has changed. */
static void test_away(void **state)
{
        struct fixture *x = *state;
        struct watcher w = {0}, once = {.watch.once = true};

        watcher_start(&w, x, LONG_USEC);
        tiny_run_until(x->loop, &w.n_lines, 1);
        x->api.cuts = true;
        watcher_start(&once, x, USEC_INFINITY);
        tiny_run_until(x->loop, &once.n_lines, 1);
        assert_int_equal(w.n_lines, 2);
        assert_non_null(strstr(w.line, "urn:lonja:problem:unavailable"));
        assert_non_null(strstr(w.line, "\"status\":503"));
        assert_non_null(strstr(once.line, "503"));
        watch_stop(&once.watch);
        x->api.cuts = false;
        tiny_run_until(x->loop, &w.n_lines, 3);
        assert_non_null(strstr(w.line, "\"version\":1"));
        assert_int_equal(x->api.n_same, 1);
        watch_stop(&w.watch);
}

static void cut_once(struct tiny_http *t, struct tiny_request *r);
static void (*real_request)(struct tiny_http *t, struct tiny_request *r);

static void cut_once(struct tiny_http *t, struct tiny_request *r)
{
        t->request = real_request;
        tiny_cut(r);
}

/* A daemon that restarts in the middle of a first GET delays the answer, no more. */
static void test_quiet_retry(void **state)
{
        struct fixture *x = *state;
        struct watcher w = {0};

        real_request = x->api.http.request;
        x->api.http.request = cut_once;
        watcher_start(&w, x, LONG_USEC);
        tiny_run_until(x->loop, &w.n_lines, 1);
        assert_non_null(startswith(w.line, "JSON+PRODUCT+"));
        watch_stop(&w.watch);
}

/* Who is slow is told the latest, and how many states it missed. */
static void test_skipped(void **state)
{
        struct fixture *x = *state;
        struct watcher w = {.is_slow = true}, fast = {0};

        watcher_start(&w, x, LONG_USEC);
        watcher_start(&fast, x, LONG_USEC);
        tiny_run_until(x->loop, &w.n_ready, 1);
        take(&w);
        assert_null(strstr(w.line, "skipped"));
        for (unsigned version = 2; version <= 4; version++) {
                x->api.version = version;
                product_book_event(&x->book, "A1", version, NULL);
                tiny_run_until(x->loop, &fast.n_lines, version);
        }
        take(&w);
        assert_string_equal(
                w.line, "JSON+PRODUCT+{\"code\":\"A1\",\"description\":\"x\",\"version\":4,\"skipped\":2}\n");
        assert_null(strstr(fast.line, "skipped"));
        watch_stop(&w.watch);
        watch_stop(&fast.watch);
}

/* once=true is answered by a GET that began after it was asked, shared by all who asked meanwhile. */
static void test_once(void **state)
{
        struct fixture *x = *state;
        struct watcher w = {0}, once[3] = {{.watch.once = true}, {.watch.once = true}, {.watch.once = true}};

        watcher_start(&w, x, LONG_USEC);
        tiny_run_until(x->loop, &w.n_lines, 1);
        x->api.holds = true;
        watcher_start(&once[0], x, USEC_INFINITY);
        tiny_run_until(x->loop, &x->api.n_gets, 2);
        watcher_start(&once[1], x, USEC_INFINITY);
        watcher_start(&once[2], x, USEC_INFINITY);
        fake_api_release(&x->api);
        x->api.version = 2; /* no event */
        tiny_run_until(x->loop, &once[2].n_lines, 1);
        assert_int_equal(x->api.n_gets, 3);
        assert_non_null(strstr(once[1].line, "\"version\":2"));
        assert_non_null(strstr(w.line, "\"version\":2"));
        for (size_t i = 0; i < 3; i++) {
                assert_true(once[i].n_lines >= 1);
                watch_stop(&once[i].watch);
        }
        watch_stop(&w.watch);
}

/* When events begin to flow, what is watched is asked for again. */
static void test_reconnect(void **state)
{
        struct fixture *x = *state;
        struct watcher w = {0};

        product_book_set_live(&x->book, false);
        watcher_start(&w, x, LONG_USEC);
        tiny_run_until(x->loop, &w.n_lines, 1);
        x->api.version = 2;
        product_book_set_live(&x->book, true);
        tiny_run_until(x->loop, &w.n_lines, 2);
        assert_int_equal(x->api.n_gets, 2);
        watch_stop(&w.watch);
}

static void on_checked(struct bearer_hold *h, int status)
{
}

/* Where the API wants a token, watchers without one are refused, and the product is asked for with a token of
 * those who have one. */
static void test_rights(void **state)
{
        struct fixture *x = *state;
        struct bearer_hold hold = {0};
        struct watcher with = {0}, without = {0};

        x->api.needs_token = true;
        x->api.token = "good";
        assert_int_equal(bearer_hold_take(&hold, &x->bearers, "good", on_checked), 0);
        with.watch.bearer = hold.bearer;
        watcher_start(&with, x, LONG_USEC);
        tiny_run_until(x->loop, &with.n_lines, 1);
        assert_string_equal(x->api.authorization, "Bearer good");

        watcher_start(&without, x, LONG_USEC);
        assert_int_equal(without.n_lines, 1); /* its own right was the bridge's to judge */
        x->api.version = 2;
        product_book_event(&x->book, "A1", 2, NULL);
        tiny_run_until(x->loop, &with.n_lines, 2);
        assert_true(without.watch.refused);
        assert_non_null(strstr(without.line, "authentication-required"));
        assert_non_null(strstr(with.line, "\"version\":2"));
        watch_stop(&with.watch);
        watch_stop(&without.watch);
        bearer_hold_drop(&hold);
}

/* An answer that is no JSON object is a failure, not a line. */
static void test_broken_answer(void **state)
{
        struct fixture *x = *state;
        struct watcher w = {0};

        x->api.text = "x\"}\r\nJSON+PRODUCT+{\"";
        watcher_start(&w, x, LONG_USEC);
        tiny_run_until(x->loop, &w.n_lines, 1);
        /* one line in any case */
        assert_ptr_equal(strchr(w.line, '\n'), w.line + strlen(w.line) - 1);
        watch_stop(&w.watch);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
        const struct CMUnitTest tests[] = {
                TEST(test_shared),
                TEST(test_event),
                TEST(test_event_during_get),
                TEST(test_newcomer_during_get),
                TEST(test_interval),
                TEST(test_interval_grows),
                TEST(test_absent),
                TEST(test_away),
                TEST(test_quiet_retry),
                TEST(test_skipped),
                TEST(test_once),
                TEST(test_reconnect),
                TEST(test_rights),
                TEST(test_broken_answer),
        };

        return cmocka_run_group_tests_name("product-watch", tests, NULL, NULL);
}
