/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/socket.h>

#include "base/alloc.h"
#include "base/fd.h"
#include "bridge/problem_text.h"
#include "bridge/session.h"
#include "bridge/session_request.h"
#include "contract/bridge_frame.h"

/* Unsent output waits here, where it can still be replaced by something newer, not in the kernel, whose
 * buffer would grow to megabytes of old prices for a client that does not read. */
#define SEND_BUFFER_BYTES 32768
/* A dead peer is noticed by output that it does not acknowledge; by keep-alive otherwise. Longer than the
 * slow client's grace, which is a courtesy to living ones. */
#define USER_TIMEOUT_MIN_USEC (120 * USEC_PER_SEC)
#define HALF_CLOSED_PROBE_SEC 10
#define IN_MAX (BRIDGE_LINE_MAX + 2) /* a line and its CR LF */

static void session_read(struct session *s);

/* ---- Output ---- */

static void session_watch_slowness(struct session *s)
{
        size_t pending = net_stream_pending(&s->stream);

        if (pending == 0)
                expiry_stop(&s->slow);
        else if (!expiry_is_started(&s->slow)) {
                s->slow_pending = pending;
                (void)expiry_start(&s->bridge->slow, &s->slow);
        }
}

/* All that could call back or write, but the stream itself. */
static void session_stop_work(struct session *s)
{
        s->ask = session_ask_free(s->ask);
        session_stop_watches(s);
        bearer_hold_drop(&s->bearer);
        expiry_stop(&s->quiet);
        expiry_stop(&s->silent);
        expiry_stop(&s->slow);
        list_remove(&s->ready_link);
}

void session_leave(struct session *s)
{
        s->state = SESSION_LEAVING;
        session_stop_work(s);
        net_stream_finish(&s->stream);
}

void session_write(struct session *s, const struct buf *lines)
{
        if (s->state == SESSION_LEAVING)
                return;
        if (buf_error(lines) < 0 || net_stream_write(&s->stream, buf_bytes(lines), buf_size(lines)) < 0) {
                session_leave(s); /* out of memory: a gap in the answers would be worse */
                return;
        }
        session_watch_slowness(s);
}

void session_error(struct session *s, const char *type, unsigned status, const char *slug, const char *detail,
                   const struct field_errors *errors, const char *code)
{
        _cleanup_(buf_done) struct buf line = BUF_EMPTY;

        s->bridge->n_errors++;
        problem_text_line(&line, type, status, slug, detail, errors, code);
        session_write(s, &line);
}

void session_bye(struct session *s, unsigned status, const char *slug, const char *detail)
{
        if (s->state == SESSION_LEAVING)
                return;
        session_error(s, "BYE", status, slug, detail, NULL, NULL);
        if (s->state != SESSION_LEAVING)
                session_leave(s);
}

/* ---- Input ---- */

void session_maybe_leave(struct session *s)
{
        size_t n;

        if (s->state != SESSION_OPEN || !s->half_closed || s->n_watches > 0)
                return;
        (void)net_stream_input(&s->stream, &n);
        if (n == 0)
                session_leave(s);
}

static void session_take_line(struct session *s, const char *input, size_t n, size_t consumed, bool bare)
{
        char line[IN_MAX];

        /* Consuming moves the input, answering may end it. */
        memcpy(line, input, n);
        net_stream_consume(&s->stream, consumed);
        if (n > 0 && line[n - 1] == '\r')
                n--;
        if (n == 0 && !bare)
                return;
        s->bridge->n_requests++;
        (void)expiry_start(&s->bridge->silent, &s->silent);
        session_request(s, line, n, bare);
}

static void session_skip(struct session *s, size_t n)
{
        if (!s->skips_line)
                session_error(s, "REQUEST", 413, "line-too-long", "a request is a line of at most 4096 bytes",
                              NULL, NULL);
        s->skips_line = true;
        if (s->state != SESSION_LEAVING)
                net_stream_consume(&s->stream, n);
}

/* Handles one line, if there is one. False: nothing more can be done now. */
static bool session_read_line(struct session *s)
{
        size_t n;
        const char *input = net_stream_input(&s->stream, &n), *newline = memchr(input, '\n', n);

        if (newline && s->skips_line) {
                s->skips_line = false;
                net_stream_consume(&s->stream, (size_t)(newline - input) + 1);
        } else if (newline)
                session_take_line(s, input, (size_t)(newline - input), (size_t)(newline - input) + 1, false);
        else if (n >= IN_MAX || (n > 0 && s->skips_line)) {
                session_skip(s, n);
                return false;
        } else if (n > 0 && s->half_closed)
                session_take_line(s, input, n, n, true);
        else
                return false;
        return true;
}

/* Everything that can be answered now. */
static void session_read(struct session *s)
{
        size_t n;

        while (s->state == SESSION_OPEN && net_stream_pending(&s->stream) == 0 && session_read_line(s))
                ;
        if (s->state == SESSION_LEAVING)
                return;
        (void)net_stream_input(&s->stream, &n);
        if (n > 0 && s->state == SESSION_OPEN && net_stream_pending(&s->stream) == 0)
                (void)expiry_start(&s->bridge->quiet, &s->quiet);
        else
                expiry_stop(&s->quiet);
        session_maybe_leave(s);
}

void session_quiet(struct session *s)
{
        size_t n;
        const char *input = net_stream_input(&s->stream, &n);

        if (s->state != SESSION_OPEN || net_stream_pending(&s->stream) > 0 || s->skips_line ||
            !bridge_request_is_complete(input, n))
                return;
        session_take_line(s, input, n, n, true);
        if (s->state == SESSION_OPEN)
                session_read(s);
}

void session_answered(struct session *s)
{
        s->ask = session_ask_free(s->ask);
        if (s->state == SESSION_LEAVING)
                return;
        s->state = SESSION_OPEN;
        if (s->bridge->draining)
                session_drain(s);
        else
                session_read(s);
}

/* ---- The stream ---- */

static void on_received(struct net_stream *stream)
{
        struct session *s = container_of(stream, struct session, stream);

        s->received_usec = clock_monotonic_usec();
        session_read(s);
}

static void on_drained(struct net_stream *stream)
{
        struct session *s = container_of(stream, struct session, stream);

        session_watch_slowness(s);
        if (net_stream_pending(stream) > 0)
                return;
        session_set_ready(s);
        if (s->state == SESSION_ASKING)
                session_ask_drained(s->ask);
        else
                session_read(s);
}

/* Half-closed and closed look alike from here until something is sent, which a watch of a quiet product may
 * not do for hours. Probes are answered while the peer's system remembers the connection, commonly a minute.
 */
static void watch_half_closed(int fd)
{
        int idle_sec = HALF_CLOSED_PROBE_SEC;

        (void)setsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &idle_sec, sizeof(idle_sec));
}

static void on_ended(struct net_stream *stream, int error)
{
        struct session *s = container_of(stream, struct session, stream);

        if (error < 0 || s->state == SESSION_LEAVING) {
                session_free(s);
                return;
        }
        s->half_closed = true;
        watch_half_closed(stream->fd);
        session_read(s);
}

static const struct net_stream_handler stream_handler = {
        .received = on_received,
        .drained = on_drained,
        .ended = on_ended,
};

/* ---- Life ---- */

static void set_socket_options(int fd, const struct bridge_conf *conf)
{
        usec_t user_timeout = MAX_OF(USER_TIMEOUT_MIN_USEC, 2 * conf->slow_client_usec);
        unsigned user_timeout_ms = (unsigned)(user_timeout / USEC_PER_MSEC);
        int send_bytes = SEND_BUFFER_BYTES;

        /* Either failing costs comfort only. */
        (void)setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &send_bytes, sizeof(send_bytes));
        (void)setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &user_timeout_ms, sizeof(user_timeout_ms));
}

void session_open(struct bridge_door *door, int fd, const struct net_peer *peer)
{
        struct bridge *b = door->bridge;
        struct session *s = new0(struct session, 1);

        if (!s) {
                fd_close(fd);
                net_acceptor_closed(&door->acceptor);
                return;
        }
        s->bridge = b;
        s->door = door;
        s->peer = *peer;
        list_init(&s->watches);
        list_init(&s->ready);
        list_append(&b->sessions, &s->link);
        b->n_sessions++;
        b->n_accepted++;
        service_hold(b->service);
        set_socket_options(fd, b->conf);
        if (net_stream_open(&s->stream, b->loop, fd, door->is_tls ? b->tls : NULL, IN_MAX, &stream_handler) <
            0) {
                session_free(s);
                return;
        }
        (void)expiry_start(&b->silent, &s->silent);
        bridge_note(b);
        if (b->n_sessions > b->conf->connections_max)
                session_bye(s, 503, "too-many-connections",
                            "the bridge serves as many clients as MaxConnections allows");
}

struct session *session_free(struct session *s)
{
        struct bridge *b;

        if (!s)
                return NULL;
        b = s->bridge;
        session_stop_work(s);
        list_remove(&s->link);
        net_stream_close(&s->stream);
        net_acceptor_closed(&s->door->acceptor);
        b->n_sessions--;
        bridge_note(b);
        service_release(b->service);
        free(s);
        return NULL;
}

void session_drain(struct session *s)
{
        if (s->state == SESSION_OPEN)
                session_bye(s, 503, "shutting-down", "the bridge leaves; connect again");
}

/* ---- Patience ---- */

void session_silent(struct session *s)
{
        /* A client that watches, waits for an answer or has one to read is not silent. */
        if (s->n_watches > 0 || s->state != SESSION_OPEN || net_stream_pending(&s->stream) > 0)
                (void)expiry_start(&s->bridge->silent, &s->silent);
        else
                session_bye(s, 408, "request-timeout", "nothing was asked for a long time");
}

void session_slow(struct session *s)
{
        size_t pending = net_stream_pending(&s->stream);
        int send_bytes = (int)MIN_OF(pending + SEND_BUFFER_BYTES, (size_t)1 << 20);

        if (pending < s->slow_pending) {
                s->slow_pending = pending;
                (void)expiry_start(&s->bridge->slow, &s->slow);
                return;
        }
        s->bridge->n_slow++;
        /* Room in the kernel for what is queued and the farewell, so that it is there when the client reads.
         */
        (void)setsockopt(s->stream.fd, SOL_SOCKET, SO_SNDBUF, &send_bytes, sizeof(send_bytes));
        session_bye(s, 408, "slow-client", "the client does not read");
}
