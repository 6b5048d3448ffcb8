/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "base/str.h"
#include "http-fixture.h"

struct upload {
        struct fixture *fixture;
        struct http_request *request;
        struct list_link link;
        struct buf seen;
        bool pause_always;
        unsigned n_pieces;
};

/* What the tests look at: the running upload, and what became of it. */
struct uploads {
        struct fixture fixture;
        struct upload *current;
        unsigned n_ended, n_gone, n_passed;
        struct http_request *guarded;
        bool guard_waits, pause;
        int piece_error;
};

static struct uploads *uploads_of(struct http_request *r)
{
        return container_of((struct fixture *)http_request_context(r), struct uploads, fixture);
}

static int on_echo(struct http_request *r)
{
        struct buf out = BUF_EMPTY;
        const char *body;
        size_t size;

        body = http_request_body(r, &size);
        buf_append(&out, body, size);
        http_reply_buf(r, 200, "text/plain", &out);
        return 0;
}

static void upload_done(void *op)
{
        struct upload *u = op;
        struct uploads *all = container_of(u->fixture, struct uploads, fixture);

        buf_done(&u->seen);
        if (all->current == u)
                all->current = NULL;
        u->fixture->n_done++;
}

static int on_piece(struct http_request *r, const void *p, size_t n)
{
        struct uploads *all = uploads_of(r);
        struct upload *u = all->current;

        assert_ptr_equal(u->request, r);
        buf_append(&u->seen, p, n);
        u->n_pieces++;
        if (memmem(p, n, "stop", 4)) {
                http_reply_problem(r, 422, "stopped", NULL);
                return 0;
        }
        if (all->piece_error < 0)
                return all->piece_error;
        return all->pause;
}

static void on_end(struct http_request *r)
{
        struct uploads *all = uploads_of(r);
        char text[64];

        all->n_ended++;
        (void)snprintf(text, sizeof(text), "%zu bytes", buf_size(&all->current->seen));
        http_reply_text(r, 200, "text/plain", text);
}

static void on_gone(struct http_request *r)
{
        uploads_of(r)->n_gone++;
}

static const struct http_body_handler receiver = {.piece = on_piece, .end = on_end, .gone = on_gone};

static int on_upload(struct http_request *r)
{
        struct uploads *all = uploads_of(r);
        struct upload *u = http_request_op(r, sizeof(*u), upload_done);

        u->fixture = &all->fixture;
        u->request = r;
        all->current = u;
        all->fixture.n_begun++;
        http_body_receive(r, &receiver);
        return 0;
}

static int on_refused_upload(struct http_request *r)
{
        http_reply_problem(r, 403, "forbidden", NULL);
        return 0;
}

static const struct http_route routes[] = {
        {.method = "POST", .path = "/echo", .begin = on_echo},
        {.method = "POST", .path = "/hold", .begin = fixture_hold},
        {.method = "POST", .path = "/upload", .begin = on_upload, .flags = HTTP_ROUTE_STREAM_BODY},
        {.method = "POST", .path = "/refused", .begin = on_refused_upload, .flags = HTTP_ROUTE_STREAM_BODY},
        {0},
};

static void guard(struct http_request *r)
{
        struct uploads *all = uploads_of(r);

        if (!all->guard_waits) {
                http_request_pass(r);
                return;
        }
        all->guarded = r;
        all->n_passed++;
}

static int setup(void **state)
{
        struct uploads *all = calloc(1, sizeof(*all));

        fixture_open(&all->fixture, routes, guard);
        *state = all;
        return 0;
}

static int teardown(void **state)
{
        struct uploads *all = *state;

        fixture_close(&all->fixture);
        free(all);
        return 0;
}

static void send_head(struct client *c, const char *path, size_t size, const char *more)
{
        char text[256];

        (void)snprintf(text, sizeof(text), "POST %s HTTP/1.1\r\nHost: t\r\nContent-Length: %zu\r\n%s\r\n",
                       path, size, more);
        client_send(c, text);
}

static void send_zeros(struct client *c, size_t size)
{
        static const char zeros[8192];

        while (size > 0) {
                size_t n = MIN_OF(size, sizeof(zeros));

                client_send_bytes(c, zeros, n);
                size -= n;
        }
}

/* A body is collected, whether it comes with its length, in chunks, at once or byte by byte. */
static void test_collected(void **state)
{
        struct uploads *all = *state;
        struct client c;

        client_open(&c, &all->fixture);
        send_head(&c, "/echo", 5, "");
        client_send(&c, "hello");
        assert_string_equal(fixture_body(client_answer(&c)), "hello");
        send_head(&c, "/echo", 5, "");
        for (unsigned i = 0; i < 5; i++) {
                client_send_bytes(&c, &"hello"[i], 1);
                fixture_spin(&all->fixture, 2);
        }
        assert_string_equal(fixture_body(client_answer(&c)), "hello");
        client_send(&c, "POST /echo HTTP/1.1\r\nHost: t\r\nTransfer-Encoding: chunked\r\n\r\n"
                        "3\r\nhel\r\n2;x=y\r\nlo\r\n0\r\n\r\n");
        assert_string_equal(fixture_body(client_answer(&c)), "hello");
        send_head(&c, "/echo", 0, "");
        assert_string_equal(fixture_body(client_answer(&c)), "");
        client_close(&c);
}

/* Exactly the limit passes; one byte more is 413, told after the body so that the connection lives on. */
static void test_limit(void **state)
{
        struct uploads *all = *state;
        struct client c;
        const char *answer;

        client_open(&c, &all->fixture);
        send_head(&c, "/hold", all->fixture.conf.body_max, "");
        send_zeros(&c, all->fixture.conf.body_max);
        fixture_until(&all->fixture, &all->fixture.n_begun, 1);
        fixture_release(&all->fixture);
        assert_status(client_answer(&c), 200);
        send_head(&c, "/echo", all->fixture.conf.body_max + 1, "");
        send_zeros(&c, all->fixture.conf.body_max + 1);
        answer = client_answer(&c);
        assert_status(answer, 413);
        assert_contains(answer, "urn:lonja:problem:body-too-large");
        client_send(&c, "POST /echo HTTP/1.1\r\nHost: t\r\nTransfer-Encoding: chunked\r\n\r\n");
        for (unsigned i = 0; i < 20; i++) {
                client_send(&c, "2000\r\n");
                send_zeros(&c, 0x2000);
                client_send(&c, "\r\n");
        }
        client_send(&c, "0\r\n\r\n");
        assert_status(client_answer(&c), 413);
        send_head(&c, "/echo", 2, "");
        client_send(&c, "ok");
        assert_string_equal(fixture_body(client_answer(&c)), "ok");
        client_close(&c);
}

/* Who asks first (Expect: 100-continue) is told before the body, either way. */
static void test_expect(void **state)
{
        struct uploads *all = *state;
        struct client c;

        client_open(&c, &all->fixture);
        send_head(&c, "/echo", 2, "Expect: 100-continue\r\n");
        assert_status(client_answer(&c), 100);
        client_send(&c, "ok");
        assert_string_equal(fixture_body(client_answer(&c)), "ok");
        send_head(&c, "/echo", 1 << 30, "Expect: 100-continue\r\n");
        assert_status(client_answer(&c), 413);
        assert_true(client_wait_end(&c));
        client_close(&c);
}

/* A body far beyond the limit is refused before it comes. */
static void test_enormous(void **state)
{
        struct uploads *all = *state;
        struct client c;

        client_open(&c, &all->fixture);
        client_send(&c, "POST /echo HTTP/1.1\r\nHost: t\r\nContent-Length: 18446744073709551614\r\n\r\n");
        assert_status(client_answer(&c), 413);
        (void)client_wait_end(&c);
        client_close(&c);
}

struct frame {
        const char *headers;
        int status;
};

/* What could be read as two different bodies is refused, and the connection closed. */
static void test_framing(void **state)
{
        static const struct frame table[] = {
                {"Content-Length: 5\r\nContent-Length: 6\r\n", 400},
                {"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n", 400},
                {"Transfer-Encoding: gzip\r\n", 400},
                {"Transfer-Encoding: gzip, chunked\r\n", 400},
                {"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n", 400},
                {"Content-Length: -1\r\n", 400},
                {"Content-Length: five\r\n", 400},
                {"Content-Length: 99999999999999999999999\r\n", 413},
        };
        struct uploads *all = *state;

        for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
                struct client c;
                char text[256];

                client_open(&c, &all->fixture);
                (void)snprintf(text, sizeof(text), "POST /echo HTTP/1.1\r\nHost: t\r\n%s\r\n",
                               table[i].headers);
                client_send(&c, text);
                assert_status(client_answer(&c), table[i].status);
                (void)client_wait_end(&c);
                client_close(&c);
        }
}

/* Broken chunks end the connection, and nothing was begun. */
static void test_broken_chunks(void **state)
{
        struct uploads *all = *state;
        struct client c;

        client_open(&c, &all->fixture);
        client_send(&c, "POST /hold HTTP/1.1\r\nHost: t\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n");
        assert_status(client_answer(&c), 400);
        (void)client_wait_end(&c);
        assert_int_equal(all->fixture.n_begun, 0);
        client_close(&c);
}

/* A streamed body comes in pieces, without the limit of the others. */
static void test_streamed(void **state)
{
        struct uploads *all = *state;
        struct client c;

        client_open(&c, &all->fixture);
        send_head(&c, "/upload", 1000000, "");
        send_zeros(&c, 1000000);
        assert_string_equal(fixture_body(client_answer(&c)), "1000000 bytes");
        client_send(&c, "POST /upload HTTP/1.1\r\nHost: t\r\nTransfer-Encoding: chunked\r\n\r\n"
                        "3\r\nhel\r\n2\r\nlo\r\n0\r\n\r\n");
        assert_string_equal(fixture_body(client_answer(&c)), "5 bytes");
        send_head(&c, "/upload", 0, "");
        assert_string_equal(fixture_body(client_answer(&c)), "0 bytes");
        assert_int_equal(all->n_ended, 3);
        assert_int_equal(all->n_gone, 0);
        client_close(&c);
}

/* A pause holds the client back; nothing is lost over it, and the end waits, too. */
static void test_pause(void **state)
{
        struct uploads *all = *state;
        struct fixture *f = &all->fixture;
        const char *heads[] = {"POST /upload HTTP/1.1\r\nHost: t\r\nContent-Length: 10\r\n\r\n0123456789",
                               "POST /upload HTTP/1.1\r\nHost: t\r\nTransfer-Encoding: chunked\r\n\r\n"
                               "3\r\n012\r\n3\r\n345\r\n4\r\n6789\r\n0\r\n\r\n"};

        all->pause = true;
        for (size_t i = 0; i < ARRAY_SIZE(heads); i++) {
                struct client c;

                client_open(&c, f);
                client_send(&c, heads[i]);
                fixture_until(f, &f->n_begun, (unsigned)i + 1);
                while (buf_size(&all->current->seen) < 10) {
                        unsigned n = all->current->n_pieces;

                        fixture_spin(f, 20);
                        if (n > 0)
                                assert_int_equal(all->current->n_pieces, n);
                        http_body_resume(all->current->request);
                        fixture_spin(f, 5);
                }
                assert_int_equal(all->n_ended, i);
                http_body_resume(all->current->request);
                assert_string_equal(fixture_body(client_answer(&c)), "10 bytes");
                client_close(&c);
        }
}

/* A half-closing client's paused upload is answered as well. */
static void test_pause_half_closed(void **state)
{
        struct uploads *all = *state;
        struct fixture *f = &all->fixture;
        struct client c;

        all->pause = true;
        client_open(&c, f);
        send_head(&c, "/upload", 4, "");
        client_send(&c, "0123");
        assert_int_equal(shutdown(c.fd, SHUT_WR), 0);
        fixture_until(f, &f->n_begun, 1);
        fixture_spin(f, 30);
        assert_int_equal(all->n_ended, 0);
        http_body_resume(all->current->request);
        assert_string_equal(fixture_body(client_answer(&c)), "4 bytes");
        client_close(&c);
}

/* An answer in the middle: the rest is read and dropped, and the connection lives on. */
static void test_early_answer(void **state)
{
        struct uploads *all = *state;
        struct client c;

        client_open(&c, &all->fixture);
        send_head(&c, "/upload", 500004, "");
        client_send(&c, "stop");
        send_zeros(&c, 500000);
        assert_status(client_answer(&c), 422);
        assert_int_equal(all->n_ended + all->n_gone, 0);
        send_head(&c, "/refused", 300000, "");
        send_zeros(&c, 300000);
        assert_status(client_answer(&c), 403);
        send_head(&c, "/refused", 300000, "Expect: 100-continue\r\n");
        assert_status(client_answer(&c), 403);
        assert_true(client_wait_end(&c));
        client_close(&c);
}

/* A piece's error is the request's answer. */
static void test_piece_error(void **state)
{
        struct uploads *all = *state;
        struct client c;

        all->piece_error = -ENOTCONN;
        client_open(&c, &all->fixture);
        send_head(&c, "/upload", 100000, "");
        send_zeros(&c, 100000);
        assert_status(client_answer(&c), 503);
        client_close(&c);
}

/* A client that leaves in the middle of a streamed body is told as gone, also while it was paused. */
static void test_gone(void **state)
{
        struct uploads *all = *state;
        struct fixture *f = &all->fixture;
        struct client c;

        client_open(&c, f);
        send_head(&c, "/upload", 100, "");
        client_send(&c, "abc");
        fixture_until(f, &f->n_begun, 1);
        client_close(&c);
        fixture_until(f, &all->n_gone, 1);
        assert_int_equal(f->n_done, 1);

        all->pause = true;
        client_open(&c, f);
        send_head(&c, "/upload", 100, "");
        client_send(&c, "abc");
        fixture_until(f, &f->n_begun, 2);
        fixture_spin(f, 10);
        client_close(&c);
        fixture_spin(f, 10);
        assert_int_equal(all->n_gone, 1);
        all->pause = false;
        http_body_resume(all->current->request);
        fixture_until(f, &all->n_gone, 2);
        assert_int_equal(f->n_done, 2);
        assert_int_equal(f->service.n_holds, 0);
}

/* A client that leaves before its collected body was there: nothing is begun. */
static void test_gone_before_begin(void **state)
{
        struct uploads *all = *state;
        struct fixture *f = &all->fixture;
        struct client c;

        client_open(&c, f);
        send_head(&c, "/hold", 100, "");
        client_send(&c, "abc");
        fixture_spin(f, 5);
        assert_int_equal(f->service.n_holds, 1);
        client_close(&c);
        fixture_spin(f, 10);
        assert_int_equal(f->service.n_holds, 0);
        assert_int_equal(f->n_begun, 0);
}

/* The guard of a streamed body may take its time: no piece comes before it passed; or it refuses. */
static void test_guard_waits(void **state)
{
        struct uploads *all = *state;
        struct fixture *f = &all->fixture;
        struct client c;

        all->guard_waits = true;
        client_open(&c, f);
        send_head(&c, "/upload", 20000, "");
        send_zeros(&c, 20000);
        fixture_until(f, &all->n_passed, 1);
        fixture_spin(f, 20);
        assert_int_equal(f->n_begun, 0);
        http_request_pass(all->guarded);
        assert_int_equal(f->n_begun, 1);
        assert_string_equal(fixture_body(client_answer(&c)), "20000 bytes");
        send_head(&c, "/upload", 20000, "");
        send_zeros(&c, 20000);
        fixture_until(f, &all->n_passed, 2);
        http_reply_problem(all->guarded, 401, "unauthorized", NULL);
        assert_status(client_answer(&c), 401);
        send_head(&c, "/echo", 2, "");
        client_send(&c, "ok");
        fixture_until(f, &all->n_passed, 3);
        fixture_spin(f, 20);
        http_request_pass(all->guarded);
        assert_string_equal(fixture_body(client_answer(&c)), "ok");
        client_close(&c);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(test_collected, setup, teardown),
                cmocka_unit_test_setup_teardown(test_limit, setup, teardown),
                cmocka_unit_test_setup_teardown(test_expect, setup, teardown),
                cmocka_unit_test_setup_teardown(test_enormous, setup, teardown),
                cmocka_unit_test_setup_teardown(test_framing, setup, teardown),
                cmocka_unit_test_setup_teardown(test_broken_chunks, setup, teardown),
                cmocka_unit_test_setup_teardown(test_streamed, setup, teardown),
                cmocka_unit_test_setup_teardown(test_pause, setup, teardown),
                cmocka_unit_test_setup_teardown(test_pause_half_closed, setup, teardown),
                cmocka_unit_test_setup_teardown(test_early_answer, setup, teardown),
                cmocka_unit_test_setup_teardown(test_piece_error, setup, teardown),
                cmocka_unit_test_setup_teardown(test_gone, setup, teardown),
                cmocka_unit_test_setup_teardown(test_gone_before_begin, setup, teardown),
                cmocka_unit_test_setup_teardown(test_guard_waits, setup, teardown),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
