/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "base/fd.h"
#include "base/parse.h"
#include "base/str.h"
#include "http-fixture.h"

static int on_now(struct http_request *r)
{
        http_reply_header(r, "ETag", "\"7\"");
        http_reply_text(r, 200, "text/plain", "now");
        return 0;
}

/* What a handler sees of its request. */
static int on_echo(struct http_request *r)
{
        const char *a = url_query_get(http_request_query(r), "a"), *accept = http_request_header(r, "Accept");
        char text[512];

        (void)snprintf(text, sizeof(text), "%s|%s|%s|%s|%s|%s|%s", http_request_method(r),
                       http_request_path(r), http_request_segment(r, "name"), a ? a : "-",
                       accept ? accept : "-", http_request_id(r),
                       http_request_is_forwarded(r) ? "forwarded" : "direct");
        assert_null(http_request_segment(r, "other"));
        assert_true(http_request_peer(r)->is_loopback);
        assert_false(http_request_peer(r)->is_admin);
        http_reply_text(r, 200, "text/plain", text);
        return 0;
}

static int on_problem(struct http_request *r)
{
        http_reply_problem(r, 409, "taken", "%s is taken", "it");
        return 0;
}

static int on_invalid(struct http_request *r)
{
        struct field_errors errors = {0};

        field_errors_add(&errors, "/price", "must be %s", "a number");
        http_reply_invalid(r, &errors);
        return 0;
}

static int on_json(struct http_request *r)
{
        http_reply_json(r, 201, json_pack("{s:i}", "n", 5));
        return 0;
}

static int on_error(struct http_request *r)
{
        uint64_t error = 0;

        (void)parse_u64(http_request_segment(r, "errno"), 0, 4095, &error);
        return -(int)error;
}

static int on_empty(struct http_request *r)
{
        http_reply_empty(r, 204);
        return 0;
}

static int on_large(struct http_request *r)
{
        struct buf out = BUF_EMPTY;

        for (unsigned i = 0; i < 200000; i++)
                buf_append_str(&out, "0123456789");
        http_reply_buf(r, 200, "text/plain", &out);
        return 0;
}

/* What the journal would know. */
static int on_told(struct http_request *r)
{
        http_request_set_user(r, "somebody");
        for (unsigned i = 0; i < 2 * HTTP_LOG_FIELDS_MAX; i++)
                http_request_log_field(r, "PRODUCT_CODE", i == 1 ? NULL : "A1");
        assert_string_equal(r->user, "somebody");
        assert_int_equal(r->n_log, HTTP_LOG_FIELDS_MAX);
        assert_in_range(http_request_deadline(r), r->start_usec + 10 * USEC_PER_SEC,
                        clock_monotonic_usec() + 10 * USEC_PER_SEC);
        http_reply_text(r, 200, "text/plain", http_request_peer(r)->is_admin ? "admin" : "anybody");
        return 0;
}

static const struct http_route routes[] = {
        {.method = "GET", .path = "/told", .begin = on_told},
        {.method = "GET", .path = "/now", .begin = on_now},
        {.method = "GET", .path = "/quiet", .begin = fixture_hold, .flags = HTTP_ROUTE_QUIET},
        {.method = "GET", .path = "/hold", .begin = fixture_hold},
        {.method = "GET", .path = "/echo/{name}", .begin = on_echo},
        {.method = "POST", .path = "/problem", .begin = on_problem},
        {.method = "POST", .path = "/invalid", .begin = on_invalid},
        {.method = "GET", .path = "/json", .begin = on_json},
        {.method = "GET", .path = "/error/{errno}", .begin = on_error},
        {.method = "GET", .path = "/empty", .begin = on_empty},
        {.method = "GET", .path = "/large", .begin = on_large},
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

/* An answer given in begin arrives with the headers that every answer has. */
static void test_now(void **state)
{
        struct client c;
        const char *answer;

        client_open(&c, *state);
        client_get(&c, "/now");
        answer = client_answer(&c);
        assert_status(answer, 200);
        assert_string_equal(fixture_body(answer), "now");
        assert_contains(answer, "\r\nContent-Type: text/plain\r\n");
        assert_contains(answer, "\r\nX-Content-Type-Options: nosniff\r\n");
        assert_contains(answer, "\r\nCache-Control: no-cache\r\n");
        assert_contains(answer, "\r\nETag: \"7\"\r\n");
        assert_contains(answer, "\r\nX-Request-ID: ");
        client_close(&c);
}

/* An answer given later arrives, while the client is still patient and after it was suspended. */
static void test_later(void **state)
{
        struct fixture *f = *state;

        for (unsigned msec = 0; msec <= 60; msec += 30) {
                struct client c;

                client_open(&c, f);
                f->n_begun = f->n_done = 0;
                client_get(&c, "/hold");
                fixture_until(f, &f->n_begun, 1);
                fixture_spin(f, msec);
                assert_int_equal(f->service.n_holds, 1);
                assert_int_equal(http_server_metrics(f->server)->n_waiting, 1);
                fixture_release(f);
                assert_string_equal(fixture_body(client_answer(&c)), "done");
                fixture_until(f, &f->n_done, 1);
                assert_int_equal(http_server_metrics(f->server)->n_waiting, 0);
                client_close(&c);
        }
}

/* A patient request is suspended in the end: nobody polls for it. */
static void test_patience_ends(void **state)
{
        struct fixture *f = *state;
        struct client c;
        uint64_t turns;

        client_open(&c, f);
        client_get(&c, "/hold");
        fixture_until(f, &f->n_begun, 1);
        for (unsigned i = 0; i < 6000 && f->server->port.n_patient > 0; i++)
                fixture_spin(f, 10);
        assert_int_equal(f->server->port.n_patient, 0);
        turns = f->server->port.turn;
        fixture_spin(f, 50);
        assert_in_range(f->server->port.turn - turns, 0, 2);
        fixture_release(f);
        assert_status(client_answer(&c), 200);
        client_close(&c);
}

/* Waiting requests keep the daemon from leaving; health and metrics do not, nor does an idle connection. */
static void test_holds(void **state)
{
        struct fixture *f = *state;
        struct client quiet, busy;

        client_open(&quiet, f);
        client_get(&quiet, "/quiet");
        fixture_until(f, &f->n_begun, 1);
        assert_int_equal(f->service.n_holds, 0);
        assert_int_equal(f->service.n_lingers, 1);
        client_open(&busy, f);
        client_get(&busy, "/hold");
        fixture_until(f, &f->n_begun, 2);
        assert_int_equal(f->service.n_holds, 1);
        assert_int_equal(f->service.n_lingers, 2);
        fixture_release(f);
        fixture_release(f);
        assert_status(client_answer(&quiet), 200);
        assert_status(client_answer(&busy), 200);
        fixture_until(f, &f->n_done, 2);
        assert_int_equal(f->service.n_holds, 0);
        client_close(&quiet);
        client_close(&busy);
}

/* Requests sent without waiting are answered in their order, whether early or late. */
static void test_pipelined(void **state)
{
        struct fixture *f = *state;
        struct client c;

        client_open(&c, f);
        client_send(&c, "GET /now HTTP/1.1\r\nHost: t\r\n\r\nGET /hold HTTP/1.1\r\nHost: t\r\n\r\n"
                        "GET /echo/x HTTP/1.1\r\nHost: t\r\n\r\nGET /hold HTTP/1.1\r\nHost: t\r\n\r\n"
                        "GET /now HTTP/1.1\r\nHost: t\r\n\r\n");
        assert_string_equal(fixture_body(client_answer(&c)), "now");
        fixture_until(f, &f->n_begun, 1);
        fixture_release(f);
        assert_string_equal(fixture_body(client_answer(&c)), "done");
        assert_contains(fixture_body(client_answer(&c)), "GET|/echo/x|x");
        fixture_until(f, &f->n_begun, 2);
        fixture_spin(f, 30);
        fixture_release(f);
        assert_string_equal(fixture_body(client_answer(&c)), "done");
        assert_string_equal(fixture_body(client_answer(&c)), "now");
        client_close(&c);
}

/* Method, path, variables, query, headers and request id are what the client sent. */
static void test_echo(void **state)
{
        struct client c;
        const char *answer;

        client_open(&c, *state);
        client_send(&c, "GET /echo/b%20c?a=1%2b1&x HTTP/1.1\r\nHost: t\r\nAccept: text/x\r\n"
                        "X-Request-ID: mine-1\r\nX-Forwarded-For: 10.0.0.1\r\n\r\n");
        answer = client_answer(&c);
        assert_string_equal(fixture_body(answer), "GET|/echo/b%20c|b c|1+1|text/x|mine-1|forwarded");
        assert_contains(answer, "\r\nX-Request-ID: mine-1\r\n");
        client_send(&c, "GET http://somewhere/echo/y HTTP/1.1\r\nHost: t\r\nX-Request-ID: bad id\r\n\r\n");
        answer = client_answer(&c);
        assert_contains(fixture_body(answer), "GET|/echo/y|y|-|-|");
        assert_null(strstr(answer, "bad id"));
        assert_contains(answer, "|direct");
        client_close(&c);
}

/* HEAD is GET without the body, and the connection goes on. */
static void test_head(void **state)
{
        struct client c;
        const char *answer;

        client_open(&c, *state);
        client_send(&c, "HEAD /now HTTP/1.1\r\nHost: t\r\n\r\n");
        answer = client_answer_head(&c);
        assert_status(answer, 200);
        assert_contains(answer, "Content-Length: 3\r\n");
        client_get(&c, "/now");
        assert_string_equal(fixture_body(client_answer(&c)), "now");
        client_close(&c);
}

struct expectation {
        const char *request;
        int status;
        const char *part;
};

/* What is wrong with a request is said as a problem, and the connection goes on. */
static void test_problems(void **state)
{
        static const struct expectation table[] = {
                {"GET /nothing", 404, "urn:lonja:problem:not-found"},
                {"PUT /now", 405, "Allow: OPTIONS, GET, HEAD\r\n"},
                {"DELETE /problem", 405, "urn:lonja:problem:method-not-allowed"},
                {"BREW /now", 405, "urn:lonja:problem:method-not-allowed"},
                {"GET /now?a=%zz", 400, "urn:lonja:problem:bad-query"},
                {"GET /now?a=%ff", 400, "urn:lonja:problem:bad-query"},
                {"GET /echo/%zz", 400, "urn:lonja:problem:bad-path"},
                {"POST /problem", 409, "\"detail\":\"it is taken\""},
                {"POST /invalid", 400, "\"errors\":[{\"path\":\"/price\",\"reason\":\"must be a number\"}]"},
                {"GET /error/110", 503, "urn:lonja:problem:timeout"},
                {"GET /error/107", 503, "Retry-After: 1\r\n"},
                {"GET /error/104", 503, "urn:lonja:problem:outcome-unknown"},
                {"GET /error/16", 503, "urn:lonja:problem:overloaded"},
                {"GET /error/116", 503, "urn:lonja:problem:schema-pending"},
                {"GET /error/93", 503, "urn:lonja:problem:schema-too-new"},
                {"GET /error/125", 503, "urn:lonja:problem:shutting-down"},
                {"GET /error/22", 500, "urn:lonja:problem:internal"},
                {"GET /json", 201, "{\"n\":5}"},
                {"OPTIONS /nothing", 404, "urn:lonja:problem:not-found"},
        };
        struct client c;

        client_open(&c, *state);
        for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
                char text[128];
                const char *answer;

                (void)snprintf(text, sizeof(text), "%s HTTP/1.1\r\nHost: t\r\n\r\n", table[i].request);
                client_send(&c, text);
                answer = client_answer(&c);
                assert_status(answer, table[i].status);
                assert_contains(answer, table[i].part);
                assert_contains(answer, "\r\nX-Request-ID: ");
                assert_contains(answer, "\r\nCache-Control: no-store\r\n");
                if (table[i].status >= 400)
                        assert_contains(answer, "\r\nContent-Type: application/problem+json\r\n");
        }
        client_close(&c);
}

/* OPTIONS says what can be done. */
static void test_options(void **state)
{
        struct client c;
        const char *answer;

        client_open(&c, *state);
        client_send(&c, "OPTIONS /now HTTP/1.1\r\nHost: t\r\n\r\n");
        answer = client_answer(&c);
        assert_status(answer, 204);
        assert_contains(answer, "\r\nAllow: OPTIONS, GET, HEAD\r\n");
        client_send(&c, "OPTIONS * HTTP/1.1\r\nHost: t\r\n\r\n");
        assert_status(client_answer(&c), 204);
        client_get(&c, "/empty");
        answer = client_answer(&c);
        assert_status(answer, 204);
        assert_null(strstr(answer, "\r\nContent-Type"));
        client_close(&c);
}

/* A client that half-closes after its request (nc does) gets its answer, early or late. */
static void test_half_closed(void **state)
{
        struct fixture *f = *state;

        for (unsigned msec = 0; msec <= 60; msec += 30) {
                struct client c;

                f->n_begun = 0;
                f->n_done = 0;
                client_open(&c, f);
                client_get(&c, "/hold");
                assert_int_equal(shutdown(c.fd, SHUT_WR), 0);
                fixture_until(f, &f->n_begun, 1);
                fixture_spin(f, msec);
                fixture_release(f);
                assert_string_equal(fixture_body(client_answer(&c)), "done");
                /* MHD may have missed the end that came with the request; the next sweep has not. */
                http_server_sweep(f->server, clock_monotonic_usec());
                assert_true(client_wait_end(&c));
                fixture_until(f, &f->n_done, 1);
                client_close(&c);
        }
}

/* An answer larger than the socket's buffer arrives whole, also while others wait. */
static void test_large(void **state)
{
        struct fixture *f = *state;
        struct client waiting, c;

        client_open(&waiting, f);
        client_get(&waiting, "/hold");
        fixture_until(f, &f->n_begun, 1);
        client_open(&c, f);
        for (unsigned i = 0; i < 3; i++) {
                client_get(&c, "/large");
                assert_int_equal(strlen(fixture_body(client_answer(&c))), 2000000);
        }
        fixture_release(f);
        assert_status(client_answer(&waiting), 200);
        client_close(&c);
        client_close(&waiting);
}

/* A client of HTTP/1.0 is answered and let go. */
static void test_http_1_0(void **state)
{
        struct client c;

        client_open(&c, *state);
        client_send(&c, "GET /now HTTP/1.0\r\n\r\n");
        assert_string_equal(fixture_body(client_answer(&c)), "now");
        assert_true(client_wait_end(&c));
        client_close(&c);
}

/* Who comes by the admin door is an admin; by another, the same request is not. */
static void test_admin_door(void **state)
{
        struct fixture *f = *state;
        struct sockaddr_un un = {.sun_family = AF_UNIX};
        socklen_t size = sizeof(un);
        int door = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
        struct client c;

        assert_int_equal(bind(door, (struct sockaddr *)&un, sizeof(un.sun_family)),
                         0); /* any abstract name */
        assert_int_equal(listen(door, 8), 0);
        assert_int_equal(getsockname(door, (struct sockaddr *)&un, &size), 0);
        assert_int_equal(http_server_listen(f->server, door, true, NULL), 0);
        c = (struct client){.fixture = f, .fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)};
        assert_int_equal(connect(c.fd, (struct sockaddr *)&un, size), 0);
        assert_int_equal(fd_set_nonblock(c.fd), 0);
        for (unsigned i = 0; i < 2; i++) {
                client_get(&c, "/told");
                assert_string_equal(fixture_body(client_answer(&c)), "admin");
        }
        client_close(&c);
        client_open(&c, f);
        client_get(&c, "/told");
        assert_string_equal(fixture_body(client_answer(&c)), "anybody");
        client_close(&c);
        f->server = http_server_free(f->server);
        (void)fd_close(door);
}

/* Every class of answer and every duration is counted. */
static void test_metrics(void **state)
{
        struct fixture *f = *state;
        const struct http_metrics *m = http_server_metrics(f->server);
        uint64_t n = 0;
        struct client c;

        client_open(&c, f);
        client_get(&c, "/now");
        (void)client_answer(&c);
        client_get(&c, "/nothing");
        (void)client_answer(&c);
        client_get(&c, "/error/22");
        (void)client_answer(&c);
        fixture_spin(f, 5);
        assert_int_equal(m->n_requests[2], 1);
        assert_int_equal(m->n_requests[4], 1);
        assert_int_equal(m->n_requests[5], 1);
        assert_int_equal(m->n_connections, 1);
        for (size_t i = 0; i < ARRAY_SIZE(m->buckets); i++)
                n += m->buckets[i];
        assert_int_equal(n, 3);
        client_close(&c);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(test_now, setup, teardown),
                cmocka_unit_test_setup_teardown(test_later, setup, teardown),
                cmocka_unit_test_setup_teardown(test_patience_ends, setup, teardown),
                cmocka_unit_test_setup_teardown(test_holds, setup, teardown),
                cmocka_unit_test_setup_teardown(test_pipelined, setup, teardown),
                cmocka_unit_test_setup_teardown(test_echo, setup, teardown),
                cmocka_unit_test_setup_teardown(test_head, setup, teardown),
                cmocka_unit_test_setup_teardown(test_problems, setup, teardown),
                cmocka_unit_test_setup_teardown(test_options, setup, teardown),
                cmocka_unit_test_setup_teardown(test_half_closed, setup, teardown),
                cmocka_unit_test_setup_teardown(test_large, setup, teardown),
                cmocka_unit_test_setup_teardown(test_http_1_0, setup, teardown),
                cmocka_unit_test_setup_teardown(test_admin_door, setup, teardown),
                cmocka_unit_test_setup_teardown(test_metrics, setup, teardown),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
