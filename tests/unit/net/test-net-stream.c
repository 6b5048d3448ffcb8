/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* in this order */
#include <cmocka.h>
#include <errno.h>
#include <gnutls/gnutls.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/fd.h"
#include "certificate.h"
#include "net/net_stream.h"

#define IN_MAX 4096

struct fixture {
        struct net_stream stream;
        sd_event *loop;
        int peer;
        struct net_tls *tls;
        gnutls_session_t client; /* at the peer's end, for TLS */
        gnutls_certificate_credentials_t trust;
        /* what the handler does, and what it saw */
        bool consumes, echoes, closes_on_received, finishes_on_received;
        unsigned n_received, n_drained, n_ended;
        int error;
        struct buf seen;
};

static struct fixture *fixture_of(struct net_stream *s)
{
        return container_of(s, struct fixture, stream);
}

static void on_received(struct net_stream *s)
{
        struct fixture *f = fixture_of(s);
        const char *input;
        size_t size;

        f->n_received++;
        if (f->closes_on_received) {
                net_stream_close(s);
                return;
        }
        if (!f->consumes)
                return;
        input = net_stream_input(s, &size);
        buf_append(&f->seen, input, size);
        if (f->echoes)
                assert_int_equal(net_stream_write(s, input, size), 0);
        if (f->finishes_on_received)
                net_stream_finish(s);
        else
                net_stream_consume(s, size);
}

static void on_drained(struct net_stream *s)
{
        fixture_of(s)->n_drained++;
}

static void on_ended(struct net_stream *s, int error)
{
        struct fixture *f = fixture_of(s);

        f->n_ended++;
        f->error = error;
        if (error < 0 || s->closing)
                net_stream_close(s);
}

static const struct net_stream_handler handler = {
        .received = on_received, .drained = on_drained, .ended = on_ended};

static void open_pair(struct fixture *f, int ret_pair[2])
{
        assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ret_pair), 0);
        f->peer = ret_pair[1];
        f->consumes = true;
        f->error = 1;
        assert_int_equal(sd_event_new(&f->loop), 0);
}

static int setup(void **state)
{
        struct fixture *f = calloc(1, sizeof(*f));
        int pair[2];

        open_pair(f, pair);
        assert_int_equal(net_stream_open(&f->stream, f->loop, pair[0], NULL, IN_MAX, &handler), 0);
        *state = f;
        return 0;
}

static int teardown(void **state)
{
        struct fixture *f = *state;

        net_stream_close(&f->stream);
        net_stream_close(&f->stream);
        if (f->client)
                gnutls_deinit(f->client);
        if (f->trust)
                gnutls_certificate_free_credentials(f->trust);
        (void)net_tls_free(f->tls);
        (void)fd_close(f->peer);
        buf_done(&f->seen);
        (void)sd_event_unref(f->loop);
        free(f);
        return 0;
}

static void run(struct fixture *f)
{
        while (sd_event_run(f->loop, 0) > 0)
                continue;
}

static void peer_send(struct fixture *f, const char *text)
{
        assert_int_equal(send(f->peer, text, strlen(text), MSG_NOSIGNAL), strlen(text));
}

/* Everything that lies at the peer's end. */
static size_t peer_drop(struct fixture *f)
{
        static char bytes[65536];
        size_t total = 0;
        ssize_t n;

        while ((n = recv(f->peer, bytes, sizeof(bytes), 0)) > 0)
                total += (size_t)n;
        return total;
}

/* Bytes arrive, an answer goes out at once, and an idle stream keeps no buffer. */
static void test_echo(void **state)
{
        struct fixture *f = *state;
        char answer[16] = {0};

        f->echoes = true;
        peer_send(f, "hello");
        run(f);
        assert_int_equal(f->n_received, 1);
        assert_int_equal(recv(f->peer, answer, sizeof(answer), 0), 5);
        assert_string_equal(answer, "hello");
        assert_null(f->stream.in.data);
        assert_null(f->stream.out.data);
        assert_int_equal(f->n_drained, 0);
}

/* What is not consumed stays, and reading pauses at the limit until it is. */
static void test_input_limit(void **state)
{
        struct fixture *f = *state;
        char bytes[3 * IN_MAX];
        size_t size;

        f->consumes = false;
        memset(bytes, 'x', sizeof(bytes));
        assert_int_equal(send(f->peer, bytes, sizeof(bytes), 0), sizeof(bytes));
        run(f);
        (void)net_stream_input(&f->stream, &size);
        assert_int_equal(size, IN_MAX);
        net_stream_consume(&f->stream, 10);
        run(f);
        (void)net_stream_input(&f->stream, &size);
        assert_int_equal(size, IN_MAX);
        f->consumes = true;
        net_stream_consume(&f->stream, size);
        run(f);
        assert_int_equal(buf_size(&f->seen), sizeof(bytes) - 10 - IN_MAX);
}

/* A peer that does not read: output waits here, and `drained` tells when it has gone. */
static void test_back_pressure(void **state)
{
        struct fixture *f = *state;
        char bytes[10000];
        size_t total = 0, got;

        memset(bytes, 'x', sizeof(bytes));
        while (net_stream_pending(&f->stream) < 10 * NET_STREAM_LOW_WATER) {
                assert_int_equal(net_stream_write(&f->stream, bytes, sizeof(bytes)), 0);
                total += sizeof(bytes);
        }
        run(f);
        assert_int_equal(f->n_drained, 0);
        got = 0;
        while (got < total) {
                got += peer_drop(f);
                run(f);
        }
        assert_int_equal(got, total);
        assert_int_equal(net_stream_pending(&f->stream), 0);
        assert_in_range(f->n_drained, 1, 2);
        assert_null(f->stream.out.data);
}

/* The peer half-closes: told once, its last bytes first, and it can still be answered. */
static void test_half_close(void **state)
{
        struct fixture *f = *state;
        char answer[16];

        peer_send(f, "last");
        assert_int_equal(shutdown(f->peer, SHUT_WR), 0);
        run(f);
        assert_int_equal(buf_size(&f->seen), 4);
        assert_int_equal(f->n_ended, 1);
        assert_int_equal(f->error, 0);
        assert_int_equal(net_stream_write(&f->stream, "bye", 3), 0);
        assert_int_equal(recv(f->peer, answer, sizeof(answer), 0), 3);
        run(f);
        assert_int_equal(f->n_ended, 1);
        (void)fd_close(f->peer);
        f->peer = -1;
        run(f);
        assert_int_equal(f->n_ended, 2);
        assert_int_equal(f->error, -ECONNRESET);
}

/* The peer is gone: told from the loop, never from inside a write. */
static void test_gone(void **state)
{
        struct fixture *f = *state;

        (void)fd_close(f->peer);
        f->peer = -1;
        assert_int_equal(net_stream_write(&f->stream, "x", 1), 0);
        assert_int_equal(f->n_ended, 0);
        assert_int_equal(net_stream_write(&f->stream, "x", 1), 0);
        run(f);
        assert_true(f->n_ended > 0);
        assert_true(f->error < 0 || f->stream.read_ended);
        run(f);
        assert_false(f->stream.is_open);
}

/* Gone while reading pauses: told all the same, without spinning. */
static void test_gone_while_paused(void **state)
{
        struct fixture *f = *state;
        char bytes[2 * IN_MAX];

        f->consumes = false;
        memset(bytes, 'x', sizeof(bytes));
        assert_int_equal(send(f->peer, bytes, sizeof(bytes), 0), sizeof(bytes));
        run(f);
        (void)fd_close(f->peer);
        f->peer = -1;
        run(f);
        assert_int_equal(f->n_ended, 1);
        assert_true(f->error < 0);
}

/* A handler may close the stream, and nothing is called after it. */
static void test_close_inside(void **state)
{
        struct fixture *f = *state;

        f->closes_on_received = true;
        peer_send(f, "x");
        assert_int_equal(shutdown(f->peer, SHUT_WR), 0);
        run(f);
        assert_int_equal(f->n_received, 1);
        assert_int_equal(f->n_ended, 0);
        assert_int_equal(net_stream_write(&f->stream, "x", 1), -EPIPE);
}

/* Finishing sends what is queued, then the end; when the peer ends too, it is over, in order. */
static void test_finish(void **state)
{
        struct fixture *f = *state;
        char bytes[10000];
        size_t total = 0, got = 0;

        memset(bytes, 'x', sizeof(bytes));
        while (net_stream_pending(&f->stream) == 0) {
                assert_int_equal(net_stream_write(&f->stream, bytes, sizeof(bytes)), 0);
                total += sizeof(bytes);
        }
        net_stream_finish(&f->stream);
        assert_int_equal(net_stream_write(&f->stream, "x", 1), -EPIPE);
        while (got < total) {
                got += peer_drop(f);
                run(f);
        }
        assert_int_equal(got, total);
        assert_int_equal(recv(f->peer, bytes, 1, 0), 0);
        peer_send(f, "ignored");
        run(f);
        assert_int_equal(f->n_received, 0);
        assert_int_equal(f->n_ended, 0);
        (void)fd_close(f->peer);
        f->peer = -1;
        run(f);
        assert_int_equal(f->n_ended, 1);
        assert_int_equal(f->error, 0);
}

/* A peer that does not end after our end is left after a second; one that had ended before, at once. */
static void test_finish_lingers(void **state)
{
        struct fixture *f = *state;

        net_stream_finish(&f->stream);
        run(f);
        assert_int_equal(f->n_ended, 0);
        assert_true(loop_timer_is_armed(&f->stream.linger));
        f->stream.linger.fire(&f->stream.linger); /* as if the second were over */
        assert_int_equal(f->n_ended, 1);
        assert_int_equal(f->error, -ECONNRESET);
}

static void test_finish_half_closed(void **state)
{
        struct fixture *f = *state;

        f->finishes_on_received = true;
        f->echoes = true;
        peer_send(f, "one request");
        assert_int_equal(shutdown(f->peer, SHUT_WR), 0);
        while (f->n_ended == 0)
                assert_true(sd_event_run(f->loop, USEC_PER_SEC) > 0);
        assert_int_equal(f->error, 0);
        assert_int_equal(peer_drop(f), strlen("one request"));
}

/* ---- TLS ---- */

static int setup_tls(void **state)
{
        struct fixture *f = calloc(1, sizeof(*f));
        char *certificate, *key;
        int pair[2];

        open_pair(f, pair);
        test_certificate(&certificate, &key);
        assert_int_equal(net_tls_new(&f->tls, certificate, key), 0);
        free(certificate);
        free(key);
        assert_int_equal(net_stream_open(&f->stream, f->loop, pair[0], f->tls, IN_MAX, &handler), 0);
        assert_int_equal(gnutls_certificate_allocate_credentials(&f->trust), 0);
        assert_int_equal(gnutls_init(&f->client, GNUTLS_CLIENT | GNUTLS_NONBLOCK), 0);
        assert_int_equal(gnutls_set_default_priority(f->client), 0);
        assert_int_equal(gnutls_credentials_set(f->client, GNUTLS_CRD_CERTIFICATE, f->trust), 0);
        gnutls_transport_set_int(f->client, f->peer);
        *state = f;
        return 0;
}

static void handshake(struct fixture *f)
{
        while (f->stream.handshaking || gnutls_handshake(f->client) < 0) {
                int r = gnutls_handshake(f->client);

                assert_true(r == 0 || !gnutls_error_is_fatal(r));
                run(f);
                if (r == 0)
                        break;
        }
        run(f);
        assert_false(f->stream.handshaking);
}

/* The handshake happens in the loop; then bytes go both ways, also more than one record holds. */
static void test_tls_echo(void **state)
{
        struct fixture *f = *state;
        static char bytes[100000], back[100000];
        size_t sent = 0, got = 0;

        handshake(f);
        f->echoes = true;
        for (size_t i = 0; i < sizeof(bytes); i++)
                bytes[i] = (char)(i * 7 + i / 251);
        while (got < sizeof(bytes)) {
                ssize_t n = sent < sizeof(bytes)
                                    ? gnutls_record_send(f->client, bytes + sent, sizeof(bytes) - sent)
                                    : 0;

                sent += n > 0 ? (size_t)n : 0;
                run(f);
                n = gnutls_record_recv(f->client, back + got, sizeof(back) - got);
                assert_true(n > 0 || n == GNUTLS_E_AGAIN);
                got += n > 0 ? (size_t)n : 0;
        }
        assert_memory_equal(back, bytes, sizeof(bytes));
        assert_null(f->stream.in.data);
}

/* Bytes that GnuTLS holds after a pause are not forgotten: the socket would not tell of them. */
static void test_tls_pause(void **state)
{
        struct fixture *f = *state;
        char bytes[3 * IN_MAX];
        size_t size;

        handshake(f);
        f->consumes = false;
        memset(bytes, 'x', sizeof(bytes));
        assert_int_equal(gnutls_record_send(f->client, bytes, sizeof(bytes)), sizeof(bytes));
        run(f);
        (void)net_stream_input(&f->stream, &size);
        assert_int_equal(size, IN_MAX);
        f->consumes = true;
        net_stream_consume(&f->stream, size);
        run(f);
        assert_int_equal(buf_size(&f->seen), sizeof(bytes) - IN_MAX);
}

/* A peer that does not read in the middle of records: everything arrives, once. */
static void test_tls_back_pressure(void **state)
{
        struct fixture *f = *state;
        char bytes[20000], back[20000];
        size_t total = 0, got = 0;

        handshake(f);
        while (net_stream_pending(&f->stream) < 100000) {
                for (size_t i = 0; i < sizeof(bytes); i++)
                        bytes[i] = (char)((total + i) % 251);
                assert_int_equal(net_stream_write(&f->stream, bytes, sizeof(bytes)), 0);
                total += sizeof(bytes);
        }
        while (got < total) {
                ssize_t n = gnutls_record_recv(f->client, back, sizeof(back));

                assert_true(n > 0 || n == GNUTLS_E_AGAIN);
                for (ssize_t i = 0; i < n; i++)
                        assert_int_equal(back[i], (char)((got + (size_t)i) % 251));
                got += n > 0 ? (size_t)n : 0;
                run(f);
        }
        assert_true(f->n_drained > 0);
        assert_int_equal(net_stream_pending(&f->stream), 0);
}

/* The end is told inside TLS, both ways, so that nobody can cut a stream unseen. */
static void test_tls_end(void **state)
{
        struct fixture *f = *state;
        char byte;

        handshake(f);
        assert_int_equal(gnutls_bye(f->client, GNUTLS_SHUT_WR), 0);
        run(f);
        assert_int_equal(f->n_ended, 1);
        assert_int_equal(f->error, 0);
        net_stream_finish(&f->stream);
        assert_int_equal(gnutls_record_recv(f->client, &byte, 1), 0);
        while (f->n_ended < 2)
                assert_true(sd_event_run(f->loop, USEC_PER_SEC) > 0);
        assert_int_equal(f->error, 0);
}

/* A connection cut without that end is gone, not ended. */
static void test_tls_cut(void **state)
{
        struct fixture *f = *state;

        handshake(f);
        (void)fd_close(f->peer);
        f->peer = -1;
        run(f);
        assert_int_equal(f->error, -ECONNRESET);
}

/* Who speaks no TLS is let go, as is who says nothing; writing before the handshake waits for it. */
static void test_tls_garbage(void **state)
{
        struct fixture *f = *state;

        peer_send(f, "GET / HTTP/1.1\r\n\r\n");
        run(f);
        assert_int_equal(f->n_ended, 1);
        assert_int_equal(f->error, -EPROTO);
}

static void test_tls_silence(void **state)
{
        struct fixture *f = *state;

        run(f);
        f->stream.linger.fire(&f->stream.linger); /* as if the time were over */
        assert_int_equal(f->error, -ETIMEDOUT);
}

static void test_tls_early_write(void **state)
{
        struct fixture *f = *state;
        char back[8] = {0};

        assert_int_equal(net_stream_write(&f->stream, "early", 5), 0);
        handshake(f);
        assert_int_equal(gnutls_record_recv(f->client, back, sizeof(back)), 5);
        assert_string_equal(back, "early");
}

static int setup_tls_client(void **state)
{
        struct fixture *f = calloc(1, sizeof(*f));
        char *certificate, *key, path[] = "/tmp/test-net-stream-XXXXXX";
        int pair[2], fd = mkstemp(path);

        open_pair(f, pair);
        test_certificate(&certificate, &key);
        assert_int_equal(write(fd, certificate, strlen(certificate)), strlen(certificate));
        assert_int_equal(net_tls_client_new(&f->tls, "localhost", path), 0);
        (void)unlink(path);
        (void)fd_close(fd);
        free(certificate);
        free(key);
        assert_int_equal(net_stream_open(&f->stream, f->loop, pair[0], f->tls, IN_MAX, &handler), 0);
        *state = f;
        return 0;
}

/* A client that writes before the handshake begins: it begins all the same. */
static void test_tls_client_early_write(void **state)
{
        struct fixture *f = *state;

        assert_int_equal(net_stream_write(&f->stream, "early", 5), 0);
        run(f);
        assert_true(peer_drop(f) > strlen("early")); /* its hello */
}

/* Texts that are no certificate are refused. */
static void test_bad_certificate(void **state)
{
        struct net_tls *tls = NULL;

        assert_int_equal(net_tls_new(&tls, "no certificate", "no key"), -EBADMSG);
        assert_null(tls);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(test_echo, setup, teardown),
                cmocka_unit_test_setup_teardown(test_input_limit, setup, teardown),
                cmocka_unit_test_setup_teardown(test_back_pressure, setup, teardown),
                cmocka_unit_test_setup_teardown(test_half_close, setup, teardown),
                cmocka_unit_test_setup_teardown(test_gone, setup, teardown),
                cmocka_unit_test_setup_teardown(test_gone_while_paused, setup, teardown),
                cmocka_unit_test_setup_teardown(test_close_inside, setup, teardown),
                cmocka_unit_test_setup_teardown(test_finish, setup, teardown),
                cmocka_unit_test_setup_teardown(test_finish_lingers, setup, teardown),
                cmocka_unit_test_setup_teardown(test_finish_half_closed, setup, teardown),
                cmocka_unit_test_setup_teardown(test_tls_echo, setup_tls, teardown),
                cmocka_unit_test_setup_teardown(test_tls_pause, setup_tls, teardown),
                cmocka_unit_test_setup_teardown(test_tls_back_pressure, setup_tls, teardown),
                cmocka_unit_test_setup_teardown(test_tls_end, setup_tls, teardown),
                cmocka_unit_test_setup_teardown(test_tls_cut, setup_tls, teardown),
                cmocka_unit_test_setup_teardown(test_tls_garbage, setup_tls, teardown),
                cmocka_unit_test_setup_teardown(test_tls_silence, setup_tls, teardown),
                cmocka_unit_test_setup_teardown(test_tls_early_write, setup_tls, teardown),
                cmocka_unit_test_setup_teardown(test_tls_client_early_write, setup_tls_client, teardown),
                cmocka_unit_test(test_bad_certificate),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
