/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "base/str.h"
#include "http-fixture.h"

/* A source of `size` bytes; it stops when told to wait and goes on when asked. */
struct source {
        struct fixture fixture;
        struct http_request *request;
        size_t size, written;
        unsigned n_writable, n_gone, n_waits;
        bool ends, by_hand;
};

static struct source *source_of(struct http_request *r)
{
        return container_of((struct fixture *)http_request_context(r), struct source, fixture);
}

static void pump(struct source *s)
{
        char piece[1000];
        int r = 0;

        while (r == 0 && s->written < s->size) {
                size_t n = MIN_OF(sizeof(piece), s->size - s->written);

                memset(piece, 'a' + (int)(s->written / 1000 % 26), n);
                r = http_stream_write(s->request, piece, n);
                assert_true(r >= 0);
                s->written += n;
        }
        s->n_waits += r == 1;
        if (s->written == s->size && s->ends)
                http_stream_end(s->request, true);
}

static void on_writable(struct http_request *r)
{
        source_of(r)->n_writable++;
        pump(source_of(r));
}

static void on_gone(struct http_request *r)
{
        source_of(r)->n_gone++;
}

static const struct http_stream_handler handler = {.writable = on_writable, .gone = on_gone};

static void source_done(void *op)
{
        (*(struct fixture **)op)->n_done++;
}

static int on_get(struct http_request *r)
{
        struct source *s = source_of(r);
        struct fixture **op = http_request_op(r, sizeof(*op), source_done);
        int k;

        *op = &s->fixture;
        s->fixture.n_begun++;
        s->request = r;
        k = http_reply_stream(r, 200, "text/csv", &handler);
        if (k < 0)
                return k;
        if (!s->by_hand)
                pump(s);
        return 0;
}

static const struct http_route routes[] = {
        {.method = "GET", .path = "/stream", .begin = on_get},
        {.method = "GET", .path = "/hold", .begin = fixture_hold},
        {0},
};

static int setup(void **state)
{
        struct source *s = calloc(1, sizeof(*s));

        fixture_open(&s->fixture, routes, NULL);
        s->ends = true;
        *state = s;
        return 0;
}

static int teardown(void **state)
{
        struct source *s = *state;

        fixture_close(&s->fixture);
        free(s);
        return 0;
}

/* The body of a chunked answer without its frames. */
static size_t dechunk(const char *answer)
{
        const char *at = fixture_body(answer);
        size_t total = 0;

        for (;;) {
                char *rest;
                size_t size = strtoul(at, &rest, 16);

                if (size == 0)
                        return total;
                for (size_t i = 0; i < size; i++, total++)
                        assert_int_equal(rest[2 + i], 'a' + (int)(total / 1000 % 26));
                at = rest + 2 + size + 2;
        }
}

/* A small stream, a large one, and one that is empty arrive whole, on one connection. */
static void test_whole(void **state)
{
        static const size_t sizes[] = {5, 5000000, 0, 100000};
        struct source *s = *state;
        struct client c;

        client_open(&c, &s->fixture);
        for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
                const char *answer;

                s->size = sizes[i];
                s->written = 0;
                client_get(&c, "/stream");
                answer = client_answer(&c);
                assert_status(answer, 200);
                assert_contains(answer, "Transfer-Encoding: chunked\r\n");
                assert_int_equal(dechunk(answer), sizes[i]);
        }
        assert_int_equal(s->n_gone, 0);
        client_close(&c);
}

/* A reader that does not read holds the source back; no more than the mark is buffered. */
static void test_back_pressure(void **state)
{
        struct source *s = *state;
        struct client c;
        unsigned n_writable;

        s->size = 50000000;
        client_open(&c, &s->fixture);
        client_get(&c, "/stream");
        do { /* until the client's buffers are full, however slow the machine is */
                n_writable = s->n_writable;
                fixture_spin(&s->fixture, 100);
        } while (s->n_writable != n_writable);
        assert_true(s->n_waits > 0);
        assert_true(s->written < s->size);
        assert_true(buf_size(&s->request->stream->out) <= HTTP_STREAM_HIGH_WATER + 1000);
        n_writable = s->n_writable;
        fixture_spin(&s->fixture, 50);
        assert_int_equal(s->n_writable, n_writable);
        assert_int_equal(dechunk(client_answer(&c)), s->size);
        client_close(&c);
}

/* A source that comes bit by bit: each bit goes out without waiting for the next. */
static void test_bit_by_bit(void **state)
{
        struct source *s = *state;
        struct client c;

        s->by_hand = true;
        client_open(&c, &s->fixture);
        client_get(&c, "/stream");
        fixture_until(&s->fixture, &s->fixture.n_begun, 1);
        for (unsigned i = 0; i < 3; i++) {
                size_t before;

                fixture_spin(&s->fixture, 10);
                client_poll(&c);
                before = buf_size(&c.in);
                assert_int_equal(http_stream_write(s->request, "aaa", 3), 0);
                fixture_spin(&s->fixture, 10);
                client_poll(&c);
                assert_int_equal(buf_size(&c.in), before + strlen("3\r\naaa\r\n"));
        }
        http_stream_end(s->request, true);
        assert_int_equal(dechunk(client_answer(&c)), 9);
        client_close(&c);
}

/* A stream that breaks ends without the last chunk: a part is not taken for the whole. */
static void test_incomplete(void **state)
{
        struct source *s = *state;
        struct client c;

        s->by_hand = true;
        client_open(&c, &s->fixture);
        client_get(&c, "/stream");
        fixture_until(&s->fixture, &s->fixture.n_begun, 1);
        assert_int_equal(http_stream_write(s->request, "abc", 3), 0);
        fixture_spin(&s->fixture, 10);
        http_stream_end(s->request, false);
        (void)client_wait_end(&c);
        buf_append_char(&c.in, '\0');
        assert_contains(buf_bytes(&c.in), "3\r\nabc\r\n");
        assert_null(strstr(buf_bytes(&c.in), "0\r\n\r\n"));
        client_close(&c);
}

/* A reader that leaves is told as gone, once, and everything is freed. */
static void test_gone(void **state)
{
        struct source *s = *state;
        struct client c;

        s->size = 50000000;
        client_open(&c, &s->fixture);
        client_get(&c, "/stream");
        fixture_spin(&s->fixture, 20);
        client_close(&c);
        fixture_until(&s->fixture, &s->n_gone, 1);
        fixture_spin(&s->fixture, 10);
        assert_int_equal(s->n_gone, 1);
        assert_int_equal(s->fixture.n_done, 1);
        assert_int_equal(s->fixture.service.n_holds, 0);
}

/* One that leaves while the source is silent is noticed when it speaks again. */
static void test_gone_in_silence(void **state)
{
        struct source *s = *state;
        struct client c;

        s->by_hand = true;
        client_open(&c, &s->fixture);
        client_get(&c, "/stream");
        fixture_until(&s->fixture, &s->fixture.n_begun, 1);
        fixture_spin(&s->fixture, 10);
        client_close(&c);
        for (unsigned i = 0; i < 100 && s->n_gone == 0; i++) {
                assert_int_equal(http_stream_write(s->request, "abc", 3), 0);
                fixture_spin(&s->fixture, 2);
        }
        assert_int_equal(s->n_gone, 1);
        assert_int_equal(s->fixture.n_done, 1);
}

/* A reader that takes next to nothing for a minute is cut off. */
static void test_slow_reader(void **state)
{
        struct source *s = *state;
        usec_t now;
        struct client c;

        s->size = 50000000;
        client_open(&c, &s->fixture);
        client_get(&c, "/stream");
        fixture_spin(&s->fixture, 100);
        now = clock_monotonic_usec();
        http_server_sweep(s->fixture.server, now + 50 * USEC_PER_SEC);
        fixture_spin(&s->fixture, 10);
        assert_int_equal(s->n_gone, 0);
        http_server_sweep(s->fixture.server, now + 70 * USEC_PER_SEC);
        fixture_until(&s->fixture, &s->n_gone, 1);
        client_close(&c);
}

/* HEAD of a stream has no body: the source is told at once that nobody wants it. */
static void test_head(void **state)
{
        struct source *s = *state;
        struct client c;

        s->size = 50000000;
        client_open(&c, &s->fixture);
        client_send(&c, "HEAD /stream HTTP/1.1\r\nHost: t\r\n\r\n");
        assert_status(client_answer_head(&c), 200);
        fixture_until(&s->fixture, &s->n_gone, 1);
        client_close(&c);
}

/* A client of HTTP/1.0 reads to the end of the connection. */
static void test_http_1_0(void **state)
{
        struct source *s = *state;
        struct client c;
        const char *body;

        s->size = 300000;
        client_open(&c, &s->fixture);
        client_send(&c, "GET /stream HTTP/1.0\r\n\r\n");
        assert_true(client_wait_end(&c));
        buf_append_char(&c.in, '\0');
        body = fixture_body(buf_bytes(&c.in));
        assert_int_equal(strlen(body), s->size);
        client_close(&c);
}

/* The end of the server ends a stream, sending or silent, and tells its source. */
static void test_server_ends(void **state)
{
        struct source *s = *state;
        struct client busy, silent;

        s->size = 50000000;
        client_open(&busy, &s->fixture);
        client_get(&busy, "/stream");
        fixture_until(&s->fixture, &s->fixture.n_begun, 1);
        s->by_hand = true;
        client_open(&silent, &s->fixture);
        client_get(&silent, "/stream");
        fixture_until(&s->fixture, &s->fixture.n_begun, 2);
        fixture_spin(&s->fixture, 10);
        s->fixture.server = http_server_free(s->fixture.server);
        assert_int_equal(s->n_gone, 2);
        client_close(&busy);
        client_close(&silent);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(test_whole, setup, teardown),
                cmocka_unit_test_setup_teardown(test_back_pressure, setup, teardown),
                cmocka_unit_test_setup_teardown(test_bit_by_bit, setup, teardown),
                cmocka_unit_test_setup_teardown(test_incomplete, setup, teardown),
                cmocka_unit_test_setup_teardown(test_gone, setup, teardown),
                cmocka_unit_test_setup_teardown(test_gone_in_silence, setup, teardown),
                cmocka_unit_test_setup_teardown(test_slow_reader, setup, teardown),
                cmocka_unit_test_setup_teardown(test_head, setup, teardown),
                cmocka_unit_test_setup_teardown(test_http_1_0, setup, teardown),
                cmocka_unit_test_setup_teardown(test_server_ends, setup, teardown),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
