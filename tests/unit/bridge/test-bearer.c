/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <string.h>

#include "base/alloc.h"
#include "fake-api.h"

struct fixture {
        sd_event *loop;
        struct fake_api api;
        struct upstream upstream;
        struct bearer_book book;
};

struct holder {
        struct bearer_hold hold;
        unsigned n_checked;
        int status;
        bool drops;
};

static void on_checked(struct bearer_hold *h, int status)
{
        struct holder *o = container_of(h, struct holder, hold);

        o->n_checked++;
        o->status = status;
        if (o->drops)
                bearer_hold_drop(h);
}

static void hold(struct holder *o, struct fixture *x, const char *token)
{
        assert_int_equal(bearer_hold_take(&o->hold, &x->book, token, on_checked), 0);
}

static int setup(void **state)
{
        struct fixture *x = calloc(1, sizeof(*x));

        assert_int_equal(sd_event_new(&x->loop), 0);
        fake_api_start(&x->api, x->loop);
        x->api.token = "good";
        assert_int_equal(upstream_init(&x->upstream, x->loop, x->api.http.url, "", 4, USEC_PER_SEC), 0);
        bearer_book_init(&x->book, x->loop, &x->upstream);
        *state = x;
        return 0;
}

static int teardown(void **state)
{
        struct fixture *x = *state;

        assert_int_equal(x->book.bearers.n_entries, 0);
        bearer_book_done(&x->book);
        upstream_done(&x->upstream);
        fake_api_stop(&x->api);
        sd_event_unref(x->loop);
        free(x);
        return 0;
}

/* All who present one token share its checks; a check is never older than the question. */
static void test_shared(void **state)
{
        struct fixture *x = *state;
        struct holder a = {0}, b = {0}, c = {0};
        usec_t before = clock_monotonic_usec();
        const char *session;
        size_t n;

        hold(&a, x, "good");
        hold(&b, x, "good");
        hold(&c, x, "good");
        assert_ptr_equal(a.hold.bearer, b.hold.bearer);
        bearer_hold_check(&a.hold);
        bearer_hold_check(&b.hold); /* one is under way: these two need the next */
        bearer_hold_check(&c.hold);
        tiny_run_until(x->loop, &c.n_checked, 2); /* it became valid; its own answer */
        assert_int_equal(x->api.n_checks, 2);
        assert_int_equal(a.status, 0);
        assert_true(bearer_is_fresh(a.hold.bearer));
        assert_true(bearer_is_valid_since(a.hold.bearer, before));
        assert_false(bearer_is_valid_since(a.hold.bearer, clock_monotonic_usec() + 1));
        session = bearer_session(a.hold.bearer, &n);
        assert_int_equal(n, strlen("{\"user\":\"u\",\"scopes\":[\"read\"]}"));
        assert_memory_equal(session, "{\"user\":\"u\",\"scopes\":[\"read\"]}", n);
        bearer_hold_drop(&a.hold);
        bearer_hold_drop(&b.hold);
        bearer_hold_drop(&c.hold);
}

/* A wrong token is refused with the API's own words, and may be dropped while it is told. */
static void test_refused(void **state)
{
        _cleanup_(buf_done) struct buf problem = BUF_EMPTY;
        struct fixture *x = *state;
        struct holder a = {0}, b = {.drops = true};

        hold(&a, x, "bad");
        bearer_hold_check(&a.hold);
        tiny_run_until(x->loop, &a.n_checked, 1);
        assert_int_equal(a.status, -EACCES);
        bearer_problem(a.hold.bearer, "A1", &problem);
        buf_append_char(&problem, '\0');
        assert_string_equal(buf_bytes(&problem),
                            "{\"type\":\"urn:lonja:problem:invalid-token\",\"status\":401,\"code\":\"A1\"}");
        bearer_hold_drop(&a.hold);

        hold(&b, x, "worse");
        bearer_hold_check(&b.hold);
        tiny_run_until(x->loop, &b.n_checked, 1);
        assert_false(bearer_hold_is_taken(&b.hold));
}

/* While the API is away nothing is decided: a good token stays good, but only as long as it is fresh. */
static void test_away(void **state)
{
        struct fixture *x = *state;
        struct holder a = {0};

        hold(&a, x, "good");
        bearer_hold_check(&a.hold);
        tiny_run_until(x->loop, &a.n_checked, 1);
        x->api.cuts = true;
        bearer_hold_check(&a.hold);
        tiny_run_until(x->loop, &a.n_checked, 2);
        assert_int_equal(a.status, -EAGAIN);
        assert_int_equal(bearer_state(a.hold.bearer), BEARER_VALID);
        bearer_hold_drop(&a.hold);
}

/* Revoked while somebody watches: found by the repeated check, told to everyone who holds it. */
static void test_revoked(void **state)
{
        struct fixture *x = *state;
        struct holder a = {0}, b = {0};

        hold(&a, x, "good");
        hold(&b, x, "good");
        bearer_hold_check(&a.hold);
        tiny_run_until(x->loop, &a.n_checked, 1);
        assert_int_equal(b.n_checked, 1); /* it became valid */
        bearer_hold_set_watching(&a.hold, true);
        x->api.token = NULL;
        bearer_doubt(a.hold.bearer); /* as BEARER_CHECK_USEC would */
        tiny_run_until(x->loop, &b.n_checked, 2);
        assert_int_equal(a.status, -EACCES);
        assert_int_equal(b.status, -EACCES);
        assert_false(bearer_is_fresh(a.hold.bearer));
        bearer_hold_drop(&a.hold);
        bearer_hold_drop(&b.hold);
}

/* A hold may change its place. */
static void test_move(void **state)
{
        struct fixture *x = *state;
        struct holder a = {0}, b = {0};

        hold(&a, x, "good");
        bearer_hold_check(&a.hold);
        bearer_hold_move(&b.hold, &a.hold);
        assert_false(bearer_hold_is_taken(&a.hold));
        tiny_run_until(x->loop, &b.n_checked, 1);
        bearer_hold_drop(&a.hold);
        bearer_hold_drop(&b.hold);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
        const struct CMUnitTest tests[] = {
                TEST(test_shared), TEST(test_refused), TEST(test_away), TEST(test_revoked), TEST(test_move),
        };

        return cmocka_run_group_tests_name("bearer", tests, NULL, NULL);
}
