/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */

#include <errno.h>
#include <gnutls/gnutls.h>
#include <string.h>

#include "base/fd.h"
#include "certificate.h"
#include "http-fixture.h"

struct secure {
        struct fixture fixture;
        struct net_tls *tls;
        gnutls_certificate_credentials_t trust;
        gnutls_session_t session;
        struct client client;
};

static int on_now(struct http_request *r)
{
        http_reply_text(r, 200, "text/plain", "now");
        return 0;
}

static int on_large(struct http_request *r)
{
        struct buf out = BUF_EMPTY;

        for (unsigned i = 0; i < 100000; i++)
                buf_append_str(&out, "0123456789");
        http_reply_buf(r, 200, "text/plain", &out);
        return 0;
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

static const struct http_route routes[] = {
        {.method = "GET", .path = "/now", .begin = on_now},
        {.method = "GET", .path = "/hold", .begin = fixture_hold},
        {.method = "GET", .path = "/large", .begin = on_large},
        {.method = "POST", .path = "/echo", .begin = on_echo},
        {0},
};

/* One server, two doors: the second listener of the fixture's server speaks TLS. */
static int setup(void **state)
{
        struct secure *s = calloc(1, sizeof(*s));
        char *certificate, *key;

        fixture_open(&s->fixture, routes, NULL);
        test_certificate(&certificate, &key);
        assert_int_equal(net_tls_new(&s->tls, certificate, key), 0);
        free(certificate);
        free(key);
        fixture_listen_tls(&s->fixture, s->tls);
        assert_int_equal(gnutls_certificate_allocate_credentials(&s->trust), 0);
        assert_int_equal(gnutls_init(&s->session, GNUTLS_CLIENT | GNUTLS_NONBLOCK | GNUTLS_NO_SIGNAL), 0);
        assert_int_equal(gnutls_set_default_priority(s->session), 0);
        assert_int_equal(gnutls_credentials_set(s->session, GNUTLS_CRD_CERTIFICATE, s->trust), 0);
        *state = s;
        return 0;
}

static int teardown(void **state)
{
        struct secure *s = *state;

        gnutls_deinit(s->session);
        client_close(&s->client);
        fixture_close(&s->fixture);
        gnutls_certificate_free_credentials(s->trust);
        net_tls_free(s->tls);
        free(s);
        return 0;
}

static void connect_secure(struct secure *s)
{
        int r;

        client_open(&s->client, &s->fixture);
        gnutls_transport_set_int(s->session, s->client.fd);
        while ((r = gnutls_handshake(s->session)) < 0) {
                assert_false(gnutls_error_is_fatal(r));
                fixture_turn(&s->fixture, 10);
        }
}

static void send_secure(struct secure *s, const char *p, size_t n)
{
        while (n > 0) {
                ssize_t k = gnutls_record_send(s->session, p, n);

                if (k == GNUTLS_E_AGAIN) {
                        fixture_turn(&s->fixture, 10);
                        continue;
                }
                assert_true(k > 0);
                p += k;
                n -= (size_t)k;
        }
}

/* Reads until `size` bytes of body are there. */
static const char *answer_secure(struct secure *s, size_t size)
{
        struct buf *in = &s->client.in;

        buf_reset(in);
        for (;;) {
                ssize_t k = gnutls_record_recv(s->session, buf_reserve(in, 16385), 16384);
                const char *body;

                if (k > 0)
                        buf_commit(in, (size_t)k);
                else {
                        assert_int_equal(k, GNUTLS_E_AGAIN);
                        fixture_turn(&s->fixture, 10);
                }
                body = buf_size(in) > 0 ? memmem(buf_bytes(in), buf_size(in), "\r\n\r\n", 4) : NULL;
                if (!body || (size_t)(buf_bytes(in) + buf_size(in) - body - 4) < size)
                        continue;
                buf_append_char(in, '\0');
                return buf_bytes(in);
        }
}

static void get_secure(struct secure *s, const char *head)
{
        send_secure(s, head, strlen(head));
}

/* Requests over TLS are answered, early, late and large, on one connection. */
static void test_answers(void **state)
{
        struct secure *s = *state;

        connect_secure(s);
        get_secure(s, "GET /now HTTP/1.1\r\nHost: t\r\n\r\n");
        assert_string_equal(fixture_body(answer_secure(s, 3)), "now");
        for (unsigned msec = 0; msec <= 40; msec += 40) {
                s->fixture.n_begun = s->fixture.n_done = 0;
                get_secure(s, "GET /hold HTTP/1.1\r\nHost: t\r\n\r\n");
                fixture_until(&s->fixture, &s->fixture.n_begun, 1);
                fixture_spin(&s->fixture, msec);
                fixture_release(&s->fixture);
                assert_string_equal(fixture_body(answer_secure(s, 4)), "done");
                fixture_until(&s->fixture, &s->fixture.n_done, 1);
        }
        get_secure(s, "GET /large HTTP/1.1\r\nHost: t\r\n\r\n");
        assert_int_equal(strlen(fixture_body(answer_secure(s, 1000000))), 1000000);
}

/* A body over TLS arrives whole, though records and buffers do not fit each other. */
static void test_body(void **state)
{
        struct secure *s = *state;
        static char body[60000];

        memset(body, 'x', sizeof(body));
        connect_secure(s);
        get_secure(s, "POST /echo HTTP/1.1\r\nHost: t\r\nContent-Length: 60000\r\n\r\n");
        send_secure(s, body, sizeof(body));
        assert_memory_equal(fixture_body(answer_secure(s, sizeof(body))), body, sizeof(body));
}

/* Who speaks no TLS at this door, or stops in the handshake, harms nobody and is let go. */
static void test_garbage(void **state)
{
        struct secure *s = *state;
        struct client plain, silent;

        client_open(&silent, &s->fixture);
        client_send(&silent, "\x16\x03\x01");
        client_open(&plain, &s->fixture);
        client_get(&plain, "/now");
        (void)client_wait_end(&plain);
        connect_secure(s);
        get_secure(s, "GET /now HTTP/1.1\r\nHost: t\r\n\r\n");
        assert_string_equal(fixture_body(answer_secure(s, 3)), "now");
        http_server_sweep(s->fixture.server, clock_monotonic_usec() + 20 * USEC_PER_SEC);
        (void)client_wait_end(&silent);
        client_close(&plain);
        client_close(&silent);
}

/* A client that says it has said all gets its answer. */
static void test_half_close(void **state)
{
        struct secure *s = *state;

        connect_secure(s);
        get_secure(s, "GET /hold HTTP/1.1\r\nHost: t\r\n\r\n");
        assert_int_equal(gnutls_bye(s->session, GNUTLS_SHUT_WR), 0);
        fixture_until(&s->fixture, &s->fixture.n_begun, 1);
        fixture_release(&s->fixture);
        assert_string_equal(fixture_body(answer_secure(s, 4)), "done");
}

/* The last answer of a connection goes out whole to somebody who begins to read late, and then its end. */
static void test_late_reader(void **state)
{
        struct secure *s = *state;
        char byte;
        ssize_t k;

        connect_secure(s);
        get_secure(s, "GET /large HTTP/1.1\r\nHost: t\r\nConnection: close\r\n\r\n");
        fixture_spin(&s->fixture, 50);
        assert_int_equal(strlen(fixture_body(answer_secure(s, 1000000))), 1000000);
        while ((k = gnutls_record_recv(s->session, &byte, 1)) == GNUTLS_E_AGAIN)
                fixture_turn(&s->fixture, 10);
        assert_int_equal(k, 0);
        client_close(&s->client);
        while (s->fixture.server->listeners[1].acceptor.n_open > 0)
                fixture_turn(&s->fixture, 10);
        assert_true(list_is_empty(&s->fixture.server->secured));
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(test_answers, setup, teardown),
                cmocka_unit_test_setup_teardown(test_body, setup, teardown),
                cmocka_unit_test_setup_teardown(test_garbage, setup, teardown),
                cmocka_unit_test_setup_teardown(test_half_close, setup, teardown),
                cmocka_unit_test_setup_teardown(test_late_reader, setup, teardown),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
