/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/str.h"
#include "bridge/session.h"
#include "fake-api.h"
#include "service/service_life.h"

#define QUIET_USEC (20 * USEC_PER_MSEC)

struct fixture {
        sd_event *loop;
        struct fake_api api;
        struct service service;
        struct bridge_conf conf;
        struct bridge bridge;
        int fd;          /* the client's end */
        char said[8192]; /* what came there and was not read by the test yet */
        size_t n_said;
        bool is_over;
};

/* ---- A bridge without doors and broker ---- */

static void on_serve(struct loop_task *t)
{
        struct bridge *b = container_of(t, struct bridge, serve);
        struct list_link *i;

        while ((i = list_first(&b->ready)))
                session_serve(LIST_ENTRY(i, struct session, ready_link));
}

static void on_quiet(struct expiry *x, struct expiry_entry *e)
{
        session_quiet(container_of(e, struct session, quiet));
}

static void on_silent(struct expiry *x, struct expiry_entry *e)
{
        session_silent(container_of(e, struct session, silent));
}

static void on_slow(struct expiry *x, struct expiry_entry *e)
{
        session_slow(container_of(e, struct session, slow));
}

static void prepare_bridge(struct fixture *x)
{
        struct bridge *b = &x->bridge;

        x->conf = (struct bridge_conf){
                .interval_usec = 60 * USEC_PER_SEC,
                .connections_max = 10,
                .watches_max = 5,
                .watches_per_connection_max = 3,
                .lists_max = 2,
                .slow_client_usec = 50 * USEC_PER_MSEC,
                .anonymous_read = BRIDGE_ANONYMOUS_ALL,
        };
        x->service = (struct service){.loop = x->loop, .conf = &x->conf};
        *b = (struct bridge){.service = &x->service, .loop = x->loop, .conf = &x->conf};
        list_init(&b->sessions);
        list_init(&b->ready);
        assert_int_equal(loop_task_init(&b->serve, x->loop, on_serve), 0);
        expiry_init(&b->quiet, x->loop, QUIET_USEC, on_quiet);
        expiry_init(&b->silent, x->loop, 0, on_silent);
        expiry_init(&b->slow, x->loop, x->conf.slow_client_usec, on_slow);
        assert_int_equal(upstream_init(&b->upstream, x->loop, x->api.http.url, "", 4, USEC_PER_SEC), 0);
        bearer_book_init(&b->bearers, x->loop, &b->upstream);
        product_book_init(&b->products, x->loop, &b->upstream);
        b->products.is_live = true;
        b->doors[0] = (struct bridge_door){.bridge = b, .acceptor.stopped = true};
}

static int setup(void **state)
{
        struct fixture *x = new0(struct fixture, 1);
        struct net_peer peer = {.text = "test", .is_loopback = true};
        int fds[2];

        assert_int_equal(sd_event_new(&x->loop), 0);
        fake_api_start(&x->api, x->loop);
        prepare_bridge(x);
        assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds), 0);
        x->fd = fds[0];
        x->bridge.doors[0].acceptor.n_open++;
        session_open(&x->bridge.doors[0], fds[1], &peer);
        *state = x;
        return 0;
}

static int teardown(void **state)
{
        struct fixture *x = *state;
        struct bridge *b = &x->bridge;

        LIST_FOREACH_SAFE (i, &b->sessions) {
                session_free(LIST_ENTRY(i, struct session, link));
        }
        assert_int_equal(b->n_sessions, 0);
        assert_int_equal(b->n_lists, 0);
        assert_int_equal(b->products.n_watches, 0);
        assert_int_equal(b->bearers.bearers.n_entries, 0);
        assert_int_equal(x->service.n_holds, 0);
        close(x->fd);
        upstream_done(&b->upstream);
        product_book_done(&b->products);
        bearer_book_done(&b->bearers);
        expiry_done(&b->quiet);
        expiry_done(&b->silent);
        expiry_done(&b->slow);
        loop_task_done(&b->serve);
        loop_timer_done(&b->status_timer);
        loop_timer_done(&x->service.idle_timer);
        fake_api_stop(&x->api);
        sd_event_unref(x->loop);
        free(x);
        return 0;
}

/* ---- The client ---- */

static void say(struct fixture *x, const char *text)
{
        assert_int_equal(send(x->fd, text, strlen(text), MSG_NOSIGNAL), (ssize_t)strlen(text));
}

static void listen_once(struct fixture *x)
{
        ssize_t n = recv(x->fd, x->said + x->n_said, sizeof(x->said) - 1 - x->n_said, 0);

        if (n == 0)
                x->is_over = true;
        else if (n > 0)
                x->n_said += (size_t)n;
        x->said[x->n_said] = '\0';
}

/* The next line without its end; "" at the end of the connection. */
static const char *hear(struct fixture *x, char line[2048])
{
        usec_t end = clock_monotonic_usec() + 10 * USEC_PER_SEC;
        char *newline;
        size_t n;

        while (!(newline = memchr(x->said, '\n', x->n_said)) && !x->is_over) {
                assert_true(clock_monotonic_usec() < end);
                assert_true(sd_event_run(x->loop, 5 * USEC_PER_MSEC) >= 0);
                listen_once(x);
        }
        line[0] = '\0';
        if (!newline)
                return line;
        n = (size_t)(newline - x->said);
        snprintf(line, 2048, "%.*s", (int)n, x->said);
        x->n_said -= n + 1;
        memmove(x->said, newline + 1, x->n_said);
        return line;
}

static void expect(struct fixture *x, const char *want)
{
        char line[2048];

        assert_string_equal(hear(x, line), want);
}

/* A line that begins so and contains that. */
static void expect_like(struct fixture *x, const char *prefix, const char *part)
{
        char line[2048];

        hear(x, line);
        if (!startswith(line, prefix) || !strstr(line, part))
                fail_msg("%s... with %s wanted, got: %s", prefix, part, line);
}

static void expect_silence(struct fixture *x, usec_t usec)
{
        tiny_run_for(x->loop, usec);
        listen_once(x);
        if (x->n_said > 0 || x->is_over)
                fail_msg("silence wanted, got: %s", x->said);
}

/* Reads on behind the end of a line that is too long to be kept. */
static void skip_line(struct fixture *x)
{
        char *newline;

        while (!(newline = memchr(x->said, '\n', x->n_said))) {
                x->n_said = 0;
                assert_true(sd_event_run(x->loop, USEC_PER_MSEC) >= 0);
                listen_once(x);
                assert_false(x->is_over);
        }
        x->n_said -= (size_t)(newline + 1 - x->said);
        memmove(x->said, newline + 1, x->n_said);
}

#define P1 "JSON+PRODUCT+{\"code\":\"A1\",\"description\":\"x\",\"version\":1}"
#define P2 "JSON+PRODUCT+{\"code\":\"A1\",\"description\":\"x\",\"version\":2}"

static void change(struct fixture *x, unsigned version)
{
        x->api.version = version;
        product_book_event(&x->bridge.products, "A1", version, NULL);
}

/* ---- Requests ---- */

/* LF and CR LF end a request, empty lines are nothing, several at once are answered in order. */
static void test_lines(void **state)
{
        struct fixture *x = *state;

        say(x, "PING++{}+\r\n\r\n\nPING+++\nSTOP+PRODUCT+{\"code\":\"A1\"}+\nPING++{}+\n");
        expect(x, "JSON+PONG+{}");
        expect(x, "JSON+PONG+{}");
        expect(x, "JSON+STOPPED+{\"code\":\"A1\"}");
        expect(x, "JSON+PONG+{}");
}

/* What is wrong with a request is told, and the next one is served. */
static void test_wrong_requests(void **state)
{
        static const struct {
                const char *request, *prefix, *part;
        } cases[] = {
                {"hello\n", "ERROR+REQUEST+", "malformed-request"},
                {"GET+PRODUCT+{\"code\":\"A1\"\n", "ERROR+REQUEST+", "closing brace"},
                {"GET+PRODUCT+{\"code\":}+\n", "ERROR+REQUEST+", "malformed-request"},
                {"\xff\xfe+\x01\n", "ERROR+REQUEST+", "malformed-request"},
                {"GET+NOTHING+{}+\n", "ERROR+REQUEST+", "unknown-command"},
                {"get+PRODUCT+{\"code\":\"A1\"}+\n", "ERROR+REQUEST+", "malformed-request"},
                {"GET+PRODUCT+{}+\n", "ERROR+PRODUCT+", "/path/code"},
                {"GET+PRODUCT+{\"code\":\"a b\"}+\n", "ERROR+PRODUCT+", "/path/code"},
                {"GET+PRODUCT+{\"code\":7}+\n", "ERROR+PRODUCT+", "/path/code"},
                {"GET+PRODUCT+{\"code\":\"A\",\"x\":1}+\n", "ERROR+PRODUCT+", "/path/x"},
                {"GET+PRODUCT+{\"code\":\"A1\"}+interval=0\n", "ERROR+PRODUCT+", "/query/interval"},
                {"GET+PRODUCT+{\"code\":\"A1\"}+interval=86401\n", "ERROR+PRODUCT+", "/query/interval"},
                {"GET+PRODUCT+{\"code\":\"A1\"}+interval=1.5\n", "ERROR+PRODUCT+", "/query/interval"},
                {"GET+PRODUCT+{\"code\":\"A1\"}+on=tick\n", "ERROR+PRODUCT+", "/query/on"},
                {"GET+PRODUCT+{\"code\":\"A1\"}+once=1\n", "ERROR+PRODUCT+", "/query/once"},
                {"GET+PRODUCT+{\"code\":\"A1\"}+x=1\n", "ERROR+PRODUCT+", "/query/x"},
                {"GET+PRODUCT+{\"code\":\"A1\"}+on=%zz\n", "ERROR+REQUEST+", "QUERY"},
                {"STOP+PRODUCT+{}+\n", "ERROR+PRODUCT+", "/path/code"},
                {"STOP+PRODUCT+{\"code\":\"A1\"}+x=1\n", "ERROR+PRODUCT+", "/query"},
                {"GET+PRODUCTS+{\"code\":\"A1\"}+\n", "ERROR+PRODUCTS+", "/path"},
                {"GET+PRODUCTS+{}+all=yes\n", "ERROR+PRODUCTS+", "/query/all"},
                {"AUTH++{}+\n", "ERROR+AUTH+", "/path/token"},
                {"AUTH++{\"token\":\"a\\r\\nX: y\"}+\n", "ERROR+AUTH+", "/path/token"},
        };
        struct fixture *x = *state;

        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                say(x, cases[i].request);
                expect_like(x, cases[i].prefix, cases[i].part);
        }
        assert_int_equal(x->api.http.n_requests, 0);
        say(x, "PING++{}+\n");
        expect(x, "JSON+PONG+{}");
}

/* A line beyond 4096 bytes is one error, however long it is; 4096 are read. */
static void test_long_line(void **state)
{
        struct fixture *x = *state;
        char line[4096 + 3];

        for (unsigned i = 0; i < 5; i++) {
                memset(line, 'x', 4096);
                line[4096] = '\0';
                say(x, line);
                tiny_run_for(x->loop, USEC_PER_MSEC);
        }
        say(x, "\nPING++{}+\n");
        expect_like(x, "ERROR+REQUEST+", "line-too-long");
        expect(x, "JSON+PONG+{}");

        memcpy(line, "PING++{}+", 9);
        memcpy(line + 4096, "\r\n", 3);
        say(x, line);
        expect(x, "JSON+PONG+{}");
        /* a whole frame that hides at the end of an over-long line without end is not obeyed */
        memset(line, 'x', 4096);
        line[4096] = '\0';
        say(x, line);
        tiny_run_for(x->loop, USEC_PER_MSEC);
        say(x, "xx");
        expect_like(x, "ERROR+REQUEST+", "line-too-long");
        say(x, "PING++{}+");
        expect_silence(x, 3 * QUIET_USEC);
        say(x, "\nPING++{}+\n");
        expect(x, "JSON+PONG+{}");
}

/* A whole frame is taken after a silence; half a frame is waited for. */
static void test_no_line_end(void **state)
{
        struct fixture *x = *state;

        say(x, "PING+");
        expect_silence(x, 3 * QUIET_USEC);
        say(x, "+{}+");
        expect(x, "JSON+PONG+{}");
        say(x, "GET+PRODUCT+{\"code\":\"A1\"}+");
        expect(x, P1);
        change(x, 2);
        expect(x, P2);
        say(x, "STOP+PRODUCT+{\"code\":\"A1\"}+");
        expect(x, "JSON+STOPPED+{\"code\":\"A1\"}");
}

/* A list asked for without a line end is answered and the connection closed; with one, it stays. */
static void test_list(void **state)
{
        struct fixture *x = *state;

        say(x, "GET+PRODUCTS+{}+limit=2&search=a%26b\n");
        expect(x, "LIST+PRODUCTS+[{\"code\":\"P0\"}]");
        say(x, "GET+PRODUCTS++");
        expect(x, "LIST+PRODUCTS+[{\"code\":\"P0\"}]");
        expect(x, "");
        assert_true(x->is_over);
}

/* all=true gives every page and says where the end is. */
static void test_all_pages(void **state)
{
        struct fixture *x = *state;

        x->api.n_pages = 3;
        say(x, "GET+PRODUCTS+{}+all=true\nPING++{}+\n");
        expect(x, "LIST+PRODUCTS+[{\"code\":\"P0\"}]");
        expect(x, "LIST+PRODUCTS+[{\"code\":\"P1\"}]");
        expect(x, "LIST+PRODUCTS+[{\"code\":\"P2\"}]");
        expect(x, "JSON+END+{\"pages\":3}");
        expect(x, "JSON+PONG+{}");
        say(x, "GET+PRODUCTS+{}+\n");
        expect(x, "LIST+PRODUCTS+[{\"code\":\"P0\"}]");
        x->api.cuts = true;
        say(x, "GET+PRODUCTS+{}+\n");
        expect_like(x, "ERROR+PRODUCTS+", "503");
}

/* After a half-close the rest is a request, watches go on, and without one the connection ends. */
static void test_half_close(void **state)
{
        struct fixture *x = *state;

        say(x, "GET+PRODUCT+{\"code\":\"A1\"}+\nPING++{}+");
        shutdown(x->fd, SHUT_WR);
        expect(x, "JSON+PONG+{}");
        expect(x, P1);
        change(x, 2);
        expect(x, P2);
        assert_false(x->is_over);
}

static void test_half_close_end(void **state)
{
        struct fixture *x = *state;

        say(x, "GET+PRODUCT+{\"code\":\"A1\"}+once=true\n");
        shutdown(x->fd, SHUT_WR);
        expect(x, P1);
        expect(x, "");
        assert_true(x->is_over);
}

/* ---- Watches ---- */

/* once=true answers once, also beside a watch, which it leaves as it was. */
static void test_once(void **state)
{
        struct fixture *x = *state;

        say(x, "GET+PRODUCT+{\"code\":\"A1\"}+once=true\n");
        expect(x, P1);
        assert_int_equal(x->bridge.products.n_watches, 0);
        say(x, "GET+PRODUCT+{\"code\":\"A1\"}+on=change\n");
        expect(x, P1);
        say(x, "GET+PRODUCT+{\"code\":\"A1\"}+once=true\n");
        expect(x, P1);
        assert_int_equal(x->bridge.products.n_watches, 1);
        change(x, 2);
        expect(x, P2);
}

/* Asking again for what is watched changes its options and answers; it is one watch. */
static void test_again(void **state)
{
        struct fixture *x = *state;

        say(x, "GET+PRODUCT+{\"code\":\"A1\"}+\n");
        expect(x, P1);
        say(x, "GET+PRODUCT+{\"code\":\"A1\"}+interval=5\n");
        expect(x, P1);
        assert_int_equal(x->bridge.products.n_watches, 1);
        change(x, 2);
        expect(x, P2);
        say(x, "STOP+PRODUCT+{\"code\":\"A1\"}+\n");
        expect(x, "JSON+STOPPED+{\"code\":\"A1\"}");
        change(x, 3);
        expect_silence(x, 20 * USEC_PER_MSEC);
}

/* Beyond the limit a watch is refused by name; those that are go on. */
static void test_too_many(void **state)
{
        struct fixture *x = *state;

        x->api.version = 0;
        say(x, "GET+PRODUCT+{\"code\":\"A1\"}+\nGET+PRODUCT+{\"code\":\"A2\"}+\nGET+PRODUCT+{\"code\":\"A3\"}"
               "+\n");
        expect_like(x, "ERROR+PRODUCT+", "404");
        expect_like(x, "ERROR+PRODUCT+", "404");
        expect_like(x, "ERROR+PRODUCT+", "404");
        say(x, "GET+PRODUCT+{\"code\":\"A4\"}+\n");
        expect_like(x, "ERROR+PRODUCT+", "too-many-watches");
        x->api.version = 5;
        product_book_event(&x->bridge.products, "A2", 5, NULL);
        expect_like(x, "JSON+PRODUCT+", "\"A2\"");
}

/* ---- Rights ---- */

/* Without a token and without AnonymousRead nothing is read; with a good token it is; a bad one changes
 * nothing. */
static void test_auth(void **state)
{
        struct fixture *x = *state;

        x->conf.anonymous_read = BRIDGE_ANONYMOUS_NO;
        x->api.needs_token = true;
        x->api.token = "good";
        say(x, "GET+PRODUCT+{\"code\":\"A1\"}+\nGET+PRODUCTS+{}+\nPING++{}+\n");
        expect_like(x, "ERROR+PRODUCT+", "authentication-required");
        expect_like(x, "ERROR+PRODUCTS+", "authentication-required");
        expect(x, "JSON+PONG+{}");
        assert_int_equal(x->api.http.n_requests, 0);

        say(x, "AUTH++{\"token\":\"bad\"}+\nGET+PRODUCT+{\"code\":\"A1\"}+\n");
        expect_like(x, "ERROR+AUTH+", "invalid-token");
        expect_like(x, "ERROR+PRODUCT+", "authentication-required");
        say(x, "AUTH++{\"token\":\"good\"}+\nGET+PRODUCT+{\"code\":\"A1\"}+\n");
        expect(x, "JSON+AUTH+{\"user\":\"u\",\"scopes\":[\"read\"]}");
        expect(x, P1);
        assert_string_equal(x->api.authorization, "Bearer good");
        say(x, "AUTH++{\"token\":\"bad\"}+\n");
        expect_like(x, "ERROR+AUTH+", "invalid-token");
        change(x, 2);
        expect(x, P2);
}

/* A token that was revoked ends the watches, each with a word; the connection stays. */
static void test_revoked(void **state)
{
        struct fixture *x = *state;

        x->conf.anonymous_read = BRIDGE_ANONYMOUS_NO;
        x->api.needs_token = true;
        x->api.token = "good";
        say(x, "AUTH++{\"token\":\"good\"}+\nGET+PRODUCT+{\"code\":\"A1\"}+\n");
        expect_like(x, "JSON+AUTH+", "");
        expect(x, P1);
        x->api.token = NULL;
        change(x, 2); /* its GET is refused, which makes the bridge look */
        expect_like(x, "ERROR+PRODUCT+", "\"code\":\"A1\"");
        assert_int_equal(x->bridge.products.n_watches, 0);
        say(x, "GET+PRODUCT+{\"code\":\"A1\"}+\n");
        expect_like(x, "ERROR+PRODUCT+", "authentication-required");
        /* revoked between two requests */
        x->api.token = "good";
        say(x, "AUTH++{\"token\":\"good\"}+\n");
        expect_like(x, "JSON+AUTH+", "");
        x->api.token = NULL;
        say(x, "GET+PRODUCT+{\"code\":\"A1\"}+\n");
        expect_like(x, "ERROR+PRODUCT+", "invalid-token");
}

/* ---- Patience ---- */

/* A client that does not read misses states, is told how many, and costs one line of memory. */
static void test_conflation(void **state)
{
        struct fixture *x = *state;
        char *text = memset(calloc(1, 300001), 'y', 300000);
        unsigned version = 1;

        expiry_set_delay(&x->bridge.slow, 0);
        x->api.text = text;
        say(x, "GET+PRODUCT+{\"code\":\"A1\"}+\n");
        while (x->bridge.n_lines == 0)
                assert_true(sd_event_run(x->loop, USEC_PER_SEC) >= 0);
        x->api.text = "x";
        for (version = 2; version <= 6; version++) {
                change(x, version);
                tiny_run_until(x->loop, &x->api.n_gets, version);
                tiny_run_for(x->loop, 5 * USEC_PER_MSEC);
        }
        assert_int_equal(x->bridge.n_lines, 1);
        skip_line(x); /* the client wakes up */
        expect(x, "JSON+PRODUCT+{\"code\":\"A1\",\"description\":\"x\",\"version\":6,\"skipped\":4}");
        free(text);
}

/* One that goes on not reading is closed. */
static void test_slow(void **state)
{
        struct fixture *x = *state;
        char *text = memset(calloc(1, 600001), 'y', 600000);

        x->api.text = text;
        say(x, "GET+PRODUCT+{\"code\":\"A1\"}+\n");
        while (x->bridge.n_slow == 0)
                assert_true(sd_event_run(x->loop, USEC_PER_SEC) >= 0);
        assert_int_equal(x->bridge.products.n_watches, 0);
        while (!x->is_over) {
                memmove(x->said, x->said + x->n_said / 2, x->n_said - x->n_said / 2);
                x->n_said -= x->n_said / 2;
                listen_once(x);
                assert_true(sd_event_run(x->loop, USEC_PER_MSEC) >= 0);
        }
        assert_non_null(strstr(x->said, "\nERROR+BYE+{\"type\":\"urn:lonja:problem:slow-client\""));
        free(text);
}

/* One that asks nothing for long is sent away, but not while it watches. */
static void test_silent(void **state)
{
        struct fixture *x = *state;

        expiry_set_delay(&x->bridge.silent, 30 * USEC_PER_MSEC);
        say(x, "GET+PRODUCT+{\"code\":\"A1\"}+\n");
        expect(x, P1);
        expect_silence(x, 100 * USEC_PER_MSEC);
        say(x, "STOP+PRODUCT+{\"code\":\"A1\"}+\n");
        expect(x, "JSON+STOPPED+{\"code\":\"A1\"}");
        expect_like(x, "ERROR+BYE+", "request-timeout");
        expect(x, "");
}

/* When the bridge leaves, clients are told; an answer under way is given first. */
static void test_drain(void **state)
{
        struct fixture *x = *state;

        say(x, "AUTH++{\"token\":\"good\"}+\n");
        x->api.token = "good";
        while (LIST_ENTRY(list_first(&x->bridge.sessions), struct session, link)->state != SESSION_ASKING)
                assert_true(sd_event_run(x->loop, USEC_PER_SEC) >= 0);
        x->bridge.draining = true;
        session_drain(LIST_ENTRY(list_first(&x->bridge.sessions), struct session, link));
        expect_like(x, "JSON+AUTH+", "");
        expect_like(x, "ERROR+BYE+", "shutting-down");
        expect(x, "");
}

/* More clients than allowed are told so. */
static void test_connections_max(void **state)
{
        struct fixture *x = *state;
        struct net_peer peer = {.text = "second"};
        char text[256] = "";
        int fds[2];

        x->conf.connections_max = 1;
        assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds), 0);
        x->bridge.doors[0].acceptor.n_open++;
        session_open(&x->bridge.doors[0], fds[1], &peer);
        assert_true(recv(fds[0], text, sizeof(text) - 1, 0) > 0);
        assert_non_null(strstr(text, "too-many-connections"));
        close(fds[0]);
        say(x, "PING++{}+\n");
        expect(x, "JSON+PONG+{}");
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
        const struct CMUnitTest tests[] = {
                TEST(test_lines),       TEST(test_wrong_requests), TEST(test_long_line),
                TEST(test_no_line_end), TEST(test_list),           TEST(test_all_pages),
                TEST(test_half_close),  TEST(test_half_close_end), TEST(test_once),
                TEST(test_again),       TEST(test_too_many),       TEST(test_auth),
                TEST(test_revoked),     TEST(test_conflation),     TEST(test_slow),
                TEST(test_silent),      TEST(test_drain),          TEST(test_connections_max),
        };

        return cmocka_run_group_tests_name("session", tests, NULL, NULL);
}
