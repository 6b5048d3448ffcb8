/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */

/* How connections, requests and servers end: limits, clients that leave or misbehave, drain, the end. */

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "base/alloc.h"
#include "base/fd.h"
#include "base/str.h"
#include "http-fixture.h"

static int on_now(struct http_request *r)
{
        http_reply_text(r, 200, "text/plain", "now");
        return 0;
}

static const struct http_route routes[] = {
        {.method = "GET", .path = "/now", .begin = on_now},
        {.method = "POST", .path = "/now", .begin = on_now},
        {.method = "GET", .path = "/hold", .begin = fixture_hold},
        {.method = "GET", .path = "/healthz", .begin = on_now, .flags = HTTP_ROUTE_QUIET},
        {0},
};

static int setup(void **state)
{
        *state = malloc(sizeof(struct fixture));
        fixture_open(*state, routes, NULL);
        return 0;
}

static int teardown(void **state)
{
        fixture_close(*state);
        free(*state);
        return 0;
}

static void assert_serves(struct fixture *f)
{
        struct client c;

        client_open(&c, f);
        client_get(&c, "/now");
        assert_status(client_answer(&c), 200);
        client_close(&c);
}

/* A client that leaves while it waits, patiently or suspended: its operation runs to its end all the same. */
static void test_gone_while_waiting(void **state)
{
        struct fixture *f = *state;

        for (unsigned msec = 0; msec <= 30; msec += 30) {
                struct linger hard = {.l_onoff = 1};

                for (unsigned k = 0; k < 2; k++) {
                        struct client c;

                        f->n_begun = f->n_done = 0;
                        client_open(&c, f);
                        client_get(&c, "/hold");
                        fixture_until(f, &f->n_begun, 1);
                        fixture_spin(f, msec);
                        if (k == 1) /* by a reset */
                                (void)setsockopt(c.fd, SOL_SOCKET, SO_LINGER, &hard, sizeof(hard));
                        client_close(&c);
                        fixture_spin(f, 20);
                        assert_int_equal(f->n_done, 0);
                        assert_int_equal(f->service.n_holds, 1);
                        fixture_release(f);
                        fixture_until(f, &f->n_done, 1);
                        fixture_spin(f, 10);
                        assert_int_equal(f->service.n_holds, 0);
                        assert_int_equal(f->service.n_lingers, 0);
                        assert_int_equal(http_server_metrics(f->server)->n_waiting, 0);
                }
        }
}

/* The end of the server with requests that wait: each gets its 503, and its operation is taken back. */
static void test_free_while_waiting(void **state)
{
        struct fixture *f = *state;
        struct client patient, suspended, left;

        client_open(&suspended, f);
        client_get(&suspended, "/hold");
        client_open(&left, f);
        client_get(&left, "/hold");
        fixture_until(f, &f->n_begun, 2);
        fixture_spin(f, 30);
        client_close(&left);
        client_open(&patient, f);
        client_get(&patient, "/hold");
        fixture_until(f, &f->n_begun, 3);
        f->server = http_server_free(f->server);
        assert_int_equal(f->n_done, 3);
        assert_contains(client_answer(&patient), "urn:lonja:problem:shutting-down");
        assert_contains(client_answer(&suspended), "\r\nConnection: close\r\n");
        client_close(&patient);
        client_close(&suspended);
}

/* Beyond the limit of waiting requests: 503 with Retry-After and a count; health is still told. */
static void test_waiting_limit(void **state)
{
        struct fixture *f = *state;
        struct client waiting[2], c;
        const char *answer;

        f->conf.requests_waiting_max = 2;
        for (size_t i = 0; i < 2; i++) {
                client_open(&waiting[i], f);
                client_get(&waiting[i], "/hold");
        }
        fixture_until(f, &f->n_begun, 2);
        fixture_spin(f, 5);
        client_open(&c, f);
        client_get(&c, "/now");
        answer = client_answer(&c);
        assert_status(answer, 503);
        assert_contains(answer, "\r\nRetry-After: 1\r\n");
        assert_contains(answer, "urn:lonja:problem:overloaded");
        assert_int_equal(http_server_metrics(f->server)->n_refused, 1);
        client_get(&c, "/healthz");
        assert_status(client_answer(&c), 200);
        for (size_t i = 0; i < 2; i++) {
                fixture_release(f);
                assert_status(client_answer(&waiting[i]), 200);
                client_close(&waiting[i]);
        }
        client_get(&c, "/now");
        assert_status(client_answer(&c), 200);
        client_close(&c);
}

/* Beyond the limit of connections clients wait in the backlog; none is refused. */
static void test_connection_limit(void **state)
{
        struct fixture *f = *state;
        struct client first[2], late;

        f->conf.connections_max = 2;
        http_server_reload(f->server, &f->conf);
        for (size_t i = 0; i < 2; i++) {
                client_open(&first[i], f);
                client_get(&first[i], "/now");
                assert_status(client_answer(&first[i]), 200);
        }
        client_open(&late, f);
        client_get(&late, "/now");
        fixture_spin(f, 20);
        client_poll(&late);
        assert_int_equal(buf_size(&late.in), 0);
        assert_false(late.ended);
        client_close(&first[0]);
        assert_status(client_answer(&late), 200);
        client_close(&first[1]);
        client_close(&late);
}

/* Headers that come too slowly, or never, end the connection; as does a body; an idle one after KeepAliveSec.
 */
static void test_slow_clients(void **state)
{
        static const char *const beginnings[] = {
                "",
                "GE",
                "GET /now HTTP/1.1\r\nHos",
                "POST /now HTTP/1.1\r\nHost: t\r\nContent-Length: 10\r\n\r\nabc",
                "GET /now HTTP/1.1\r\nHost: t\r\n\r\n",
        };
        struct fixture *f = *state;
        struct client c[ARRAY_SIZE(beginnings)];

        for (size_t i = 0; i < ARRAY_SIZE(c); i++) {
                client_open(&c[i], f);
                client_send(&c[i], beginnings[i]);
        }
        fixture_spin(f, 20);
        http_server_sweep(f->server, clock_monotonic_usec() + 9 * USEC_PER_SEC);
        fixture_spin(f, 10);
        assert_int_equal(http_server_metrics(f->server)->n_connections, ARRAY_SIZE(c));
        http_server_sweep(f->server, clock_monotonic_usec() + 16 * USEC_PER_SEC);
        for (size_t i = 0; i < ARRAY_SIZE(c); i++) {
                (void)client_wait_end(&c[i]);
                client_close(&c[i]);
        }
        assert_int_equal(http_server_metrics(f->server)->n_connections, 0);
}

/* An end that comes together with the last bytes is no later noticed than by the next sweep, where more of
 * the request should have come; where it is whole, it is answered. */
static void test_end_with_bytes(void **state)
{
        static const char *const beginnings[] = {
                "GE",
                "GET /now HTTP/1.1\r\nHos",
                "POST /now HTTP/1.1\r\nHost: t\r\nContent-Length: 10\r\n\r\nabc",
                "PUT /now HTTP/1.1\r\nHost: t\r\nContent-Length: 10\r\n\r\nabc",
        };
        struct fixture *f = *state;
        struct client c[ARRAY_SIZE(beginnings)], whole;

        client_open(&whole, f);
        client_get(&whole, "/hold");
        assert_int_equal(shutdown(whole.fd, SHUT_WR), 0);
        fixture_until(f, &f->n_begun, 1);
        for (size_t i = 0; i < ARRAY_SIZE(c); i++) {
                client_open(&c[i], f);
                client_send(&c[i], beginnings[i]);
                assert_int_equal(shutdown(c[i].fd, SHUT_WR), 0);
        }
        fixture_spin(f, 20);
        fixture_release(f);
        http_server_sweep(f->server, clock_monotonic_usec());
        for (size_t i = 0; i < ARRAY_SIZE(c); i++) {
                (void)client_wait_end(&c[i]);
                client_close(&c[i]);
        }
        assert_string_equal(fixture_body(client_answer(&whole)), "done");
        client_close(&whole);
}

/* Request lines and headers beyond the limit are refused, with a problem where there is room for one. */
static void test_large_headers(void **state)
{
        static const size_t sizes[] = {9000, 40000};
        struct fixture *f = *state;

        for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
                struct client c;
                const char *answer;

                client_open(&c, f);
                client_send(&c, "GET /now HTTP/1.1\r\nHost: t\r\nX-Long: ");
                for (size_t n = 0; n < sizes[i]; n += 10)
                        client_send(&c, "0123456789");
                client_send(&c, "\r\n\r\n");
                answer = client_answer(&c);
                /* Bytes behind MHD's own refusal may reset the connection before it is read. */
                if (i == 0 || answer[0])
                        assert_status(answer, 431);
                if (i == 0)
                        assert_contains(answer, "urn:lonja:problem:headers-too-large");
                client_close(&c);
        }
        assert_serves(f);
}

/* Host is not optional in HTTP/1.1. */
static void test_no_host(void **state)
{
        struct client c;

        client_open(&c, *state);
        client_send(&c, "GET /now HTTP/1.1\r\n\r\n");
        assert_contains(client_answer(&c), "urn:lonja:problem:no-host");
        client_close(&c);
}

/* Whatever bytes come: the connection may end, the server serves on. */
static void test_garbage(void **state)
{
        static const char *const lines[] = {
                "\r\n\r\n\r\n",
                "GET\r\n\r\n",
                "GET \r\n\r\n",
                "GET / HTTP/9.9\r\n\r\n",
                "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03 a TLS client hello",
                "GET / HTTP/1.1\r\nno colon\r\n\r\n",
                "GET / HTTP/1.1\r\n: nameless\r\n\r\n",
                "GET / HTTP/1.1\r\n folded: first\r\n\r\n",
                "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
                "GET ?? HTTP/1.1\r\nHost: t\r\n\r\n",
                "GET http:// HTTP/1.1\r\nHost: t\r\n\r\n",
                "OPTIONS * HTTP/1.1\r\nHost: t\r\n\r\n",
                "GET %% HTTP/1.1\r\nHost: t\r\n\r\n",
        };
        struct fixture *f = *state;

        for (size_t i = 0; i < ARRAY_SIZE(lines); i++) {
                struct client c;

                client_open(&c, f);
                client_send(&c, lines[i]);
                fixture_spin(f, 2);
                client_close(&c);
                fixture_spin(f, 2);
        }
        assert_serves(f);
        assert_int_equal(f->service.n_holds, 0);
}

/* 1 MiB of random bytes, with and without line ends and NULs. */
static void test_random(void **state)
{
        struct fixture *f = *state;

        for (unsigned k = 0; k < 3; k++) {
                _cleanup_free_ uint8_t *bytes = malloc(1 << 20);
                struct client c;

                random_bytes(bytes, 1 << 20);
                for (size_t i = 0; i < 1 << 20; i++) {
                        if (k == 1 && bytes[i] < 32)
                                bytes[i] = '\n';
                        if (k == 2)
                                bytes[i] = (uint8_t)(32 + bytes[i] % 95);
                }
                client_open(&c, f);
                client_send_bytes(&c, bytes, 1 << 20);
                fixture_spin(f, 5);
                client_close(&c);
                assert_serves(f);
        }
}

/* A drain: listeners rest, what waits is answered and told to close, idle clients are closed after a second,
 * newcomers stay in the backlog for the next process. */
static void test_drain(void **state)
{
        struct fixture *f = *state;
        struct client idle, waiting, fresh, late;
        const char *answer;
        int fd;

        client_open(&idle, f);
        client_get(&idle, "/now");
        assert_status(client_answer(&idle), 200);
        client_open(&waiting, f);
        client_get(&waiting, "/hold");
        fixture_until(f, &f->n_begun, 1);
        client_open(&fresh, f);
        fixture_spin(f, 10);

        http_server_drain(f->server);
        client_open(&late, f);
        client_get(&late, "/now");
        http_server_sweep(f->server, clock_monotonic_usec() + USEC_PER_SEC / 2);
        fixture_spin(f, 5);
        assert_int_equal(http_server_metrics(f->server)->n_connections, 3);

        http_server_sweep(f->server, clock_monotonic_usec() + 2 * USEC_PER_SEC);
        assert_true(client_wait_end(&idle));
        client_get(&fresh, "/now");
        answer = client_answer(&fresh);
        assert_status(answer, 200);
        assert_contains(answer, "\r\nConnection: close\r\n");
        assert_true(client_wait_end(&fresh));
        fixture_release(f);
        answer = client_answer(&waiting);
        assert_status(answer, 200);
        assert_contains(answer, "\r\nConnection: close\r\n");
        assert_true(client_wait_end(&waiting));
        fixture_until(f, &f->n_done, 1);
        fixture_spin(f, 5);
        assert_int_equal(f->service.n_lingers, 0);
        assert_int_equal(f->service.n_holds, 0);

        client_poll(&late);
        assert_false(late.ended);
        fd = accept(f->listener, NULL, NULL);
        assert_true(fd >= 0);
        (void)fd_close(fd);
        client_close(&idle);
        client_close(&waiting);
        client_close(&fresh);
        client_close(&late);
}

/* A request that arrives in the very moment in which its idle connection is closed is answered. */
static void test_drain_race(void **state)
{
        struct fixture *f = *state;

        for (unsigned k = 0; k < 2; k++) {
                struct client c;

                client_open(&c, f);
                client_get(&c, "/now");
                assert_status(client_answer(&c), 200);
                fixture_spin(f, 5);
                client_get(&c, k == 0 ? "/now" : "/hold");
                http_server_sweep(f->server, clock_monotonic_usec() + 20 * USEC_PER_SEC);
                if (k == 1) {
                        fixture_until(f, &f->n_begun, 1);
                        fixture_spin(f, 30);
                        fixture_release(f);
                }
                assert_status(client_answer(&c), 200);
                client_close(&c);
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(test_gone_while_waiting, setup, teardown),
                cmocka_unit_test_setup_teardown(test_free_while_waiting, setup, teardown),
                cmocka_unit_test_setup_teardown(test_waiting_limit, setup, teardown),
                cmocka_unit_test_setup_teardown(test_connection_limit, setup, teardown),
                cmocka_unit_test_setup_teardown(test_slow_clients, setup, teardown),
                cmocka_unit_test_setup_teardown(test_end_with_bytes, setup, teardown),
                cmocka_unit_test_setup_teardown(test_large_headers, setup, teardown),
                cmocka_unit_test_setup_teardown(test_no_host, setup, teardown),
                cmocka_unit_test_setup_teardown(test_garbage, setup, teardown),
                cmocka_unit_test_setup_teardown(test_random, setup, teardown),
                cmocka_unit_test_setup_teardown(test_drain, setup, teardown),
                cmocka_unit_test_setup_teardown(test_drain_race, setup, teardown),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
