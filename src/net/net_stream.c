/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */

/* The socket is level-triggered, so what is left for later is only a matter of which events are asked for:
 *
 *     EPOLLIN    while there is room for input and the peer has not ended
 *     EPOLLOUT   while output is queued; also to come back at once: for decrypted bytes that GnuTLS still
 *                holds (the socket will not say so) and to tell of an error found inside net_stream_write()
 *
 * EPOLLHUP and EPOLLERR cannot be masked, so a connection that hung up in both directions is ended at once,
 * even if reading pauses: nobody is left to answer. */

#include <arpa/inet.h>
#include <errno.h>
#include <gnutls/gnutls.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/fd.h"
#include "net/net_stream.h"

#define READ_BYTES 16384                   /* one TLS record, and a page or four of stack */
#define HANDSHAKE_USEC (10 * USEC_PER_SEC) /* a slow device needs some; a silent one gets no more */
#define FLUSH_USEC (10 * USEC_PER_SEC)     /* what is queued at the end, to somebody who may not read */
#define LINGER_USEC USEC_PER_SEC           /* for the peer to see our end before its bytes cause a reset */

static int tls_errno(ssize_t r)
{
        if (r == GNUTLS_E_AGAIN || r == GNUTLS_E_INTERRUPTED)
                return -EAGAIN;
        if (r == GNUTLS_E_PUSH_ERROR || r == GNUTLS_E_PULL_ERROR || r == GNUTLS_E_PREMATURE_TERMINATION)
                return -ECONNRESET;
        if (r == GNUTLS_E_MEMORY_ERROR)
                return -ENOMEM;
        return -EPROTO;
}

static ssize_t tls_read(struct net_stream *s, void *p, size_t n)
{
        ssize_t k = gnutls_record_recv(s->tls, p, n);

        /* A client may ask for new keys or a new handshake; the latter we decline by going on. */
        return k >= 0 ? k : tls_errno(gnutls_error_is_fatal((int)k) ? k : GNUTLS_E_AGAIN);
}

/* After GNUTLS_E_AGAIN the record is kept by GnuTLS; the next call carries no data and returns its size. */
static ssize_t tls_write(struct net_stream *s, const void *p, size_t n)
{
        ssize_t k = s->write_blocked ? gnutls_record_send(s->tls, NULL, 0) : gnutls_record_send(s->tls, p, n);

        s->write_blocked = k == GNUTLS_E_AGAIN || k == GNUTLS_E_INTERRUPTED;
        return k >= 0 ? k : tls_errno(k);
}

static ssize_t read_bytes(struct net_stream *s, void *p, size_t n)
{
        ssize_t k;

        if (s->tls)
                return tls_read(s, p, n);
        do
                k = recv(s->fd, p, n, 0);
        while (k < 0 && errno == EINTR);
        return k >= 0 ? k : -errno;
}

static ssize_t write_bytes(struct net_stream *s, const void *p, size_t n)
{
        ssize_t k;

        if (s->tls)
                return tls_write(s, p, n);
        do
                k = send(s->fd, p, n, MSG_NOSIGNAL);
        while (k < 0 && errno == EINTR);
        return k >= 0 ? k : -errno;
}

static bool has_room(const struct net_stream *s)
{
        return s->closing || buf_size(&s->in) < s->in_max;
}

static bool wants_recall(const struct net_stream *s)
{
        return s->error < 0 || (s->tls && has_room(s) && gnutls_record_check_pending(s->tls) > 0);
}

static void update_events(struct net_stream *s)
{
        uint32_t events = 0;

        if (s->handshaking)
                events = gnutls_record_get_direction(s->tls) ? EPOLLOUT : EPOLLIN;
        else {
                if (!s->read_ended && has_room(s))
                        events |= EPOLLIN;
                if (net_stream_pending(s) > 0 || wants_recall(s))
                        events |= EPOLLOUT;
        }
        (void)loop_io_set_events(&s->io, events);
}

/* Calls the handler; false: it closed the stream, which may not exist any more. */
static bool call(struct net_stream *s, void (*fn)(struct net_stream *s))
{
        bool closed = false;

        s->closed = &closed;
        fn(s);
        if (closed)
                return false;
        s->closed = NULL;
        return true;
}

static bool call_ended(struct net_stream *s, int error)
{
        bool closed = false;

        s->closed = &closed;
        s->handler->ended(s, error);
        if (closed)
                return false;
        s->closed = NULL;
        return true;
}

/* The last callback of this stream. */
static void end(struct net_stream *s, int error)
{
        loop_io_stop(&s->io);
        loop_timer_stop(&s->linger);
        buf_done(&s->out);
        (void)call_ended(s, error);
}

static void on_linger_over(struct loop_timer *t)
{
        struct net_stream *s = container_of(t, struct net_stream, linger);

        if (s->handshaking && !s->closing)
                end(s, -ETIMEDOUT);
        else
                end(s, s->write_ended && s->read_ended ? 0 : -ECONNRESET);
}

/* Everything was sent after net_stream_finish(): say so, and give the peer a moment to close first. */
static void end_writing(struct net_stream *s)
{
        s->write_ended = true;
        if (s->tls)
                (void)gnutls_bye(s->tls, GNUTLS_SHUT_WR);
        (void)shutdown(s->fd, SHUT_WR);
        (void)loop_timer_start(&s->linger, s->loop, s->read_ended ? 0 : LINGER_USEC, on_linger_over);
}

static int flush(struct net_stream *s)
{
        while (net_stream_pending(s) > 0) {
                ssize_t k = write_bytes(s, buf_bytes(&s->out), buf_size(&s->out));

                if (k == -EAGAIN)
                        return 0;
                if (k < 0)
                        return (int)k;
                buf_consume(&s->out, (size_t)k);
        }
        buf_done(&s->out);
        return 0;
}

/* Sends what is queued. False: the stream is over. */
static bool handle_output(struct net_stream *s)
{
        size_t before = net_stream_pending(s);
        bool drained;
        int r;

        r = s->error < 0 ? s->error : flush(s);
        if (r < 0) {
                end(s, r);
                return false;
        }
        if (before == 0)
                return true;
        drained = net_stream_pending(s) == 0 ||
                  (s->above_water && net_stream_pending(s) < NET_STREAM_LOW_WATER);
        if (net_stream_pending(s) < NET_STREAM_LOW_WATER)
                s->above_water = false;
        if (s->closing) {
                if (net_stream_pending(s) == 0)
                        end_writing(s);
                return true;
        }
        return !drained || call(s, s->handler->drained);
}

/* The peer will send no more. False: the stream is over. */
static bool handle_read_end(struct net_stream *s)
{
        s->read_ended = true;
        if (!s->closing)
                return call_ended(s, 0);
        if (!s->write_ended)
                return true;
        end(s, 0);
        return false;
}

/* Takes one portion. False: the stream is over. */
static bool handle_input(struct net_stream *s)
{
        char bytes[READ_BYTES];
        size_t room = s->closing ? sizeof(bytes) : MIN_OF(sizeof(bytes), s->in_max - buf_size(&s->in));
        ssize_t k = read_bytes(s, bytes, room);

        if (k == -EAGAIN)
                return true;
        if (k == 0)
                return handle_read_end(s);
        if (k < 0) {
                end(s, (int)k);
                return false;
        }
        if (s->closing)
                return true;
        buf_append(&s->in, bytes, (size_t)k);
        if (buf_error(&s->in) < 0) {
                end(s, -ENOMEM);
                return false;
        }
        return call(s, s->handler->received);
}

/* GnuTLS lets a client pass that says nothing of protocols. */
static bool has_agreed(const struct net_stream *s)
{
        gnutls_datum_t chosen;

        return !s->alpn || gnutls_alpn_get_selected_protocol(s->tls, &chosen) == 0;
}

/* False: not yet, or never. */
static bool handle_handshake(struct net_stream *s)
{
        int r = gnutls_handshake(s->tls);

        if (r < 0 && !gnutls_error_is_fatal(r)) {
                update_events(s);
                return false;
        }
        if (r < 0 || !has_agreed(s)) {
                end(s, r < 0 && tls_errno(r) == -ECONNRESET ? -ECONNRESET : -EPROTO);
                return false;
        }
        s->handshaking = false;
        if (!s->closing)
                loop_timer_done(&s->linger);
        return true;
}

static void on_ready(struct loop_io *io, uint32_t revents)
{
        struct net_stream *s = container_of(io, struct net_stream, io);

        if (s->handshaking && !handle_handshake(s))
                return;
        if (!s->read_ended && has_room(s) && (revents & (EPOLLIN | EPOLLHUP | EPOLLERR) || wants_recall(s))) {
                if (!handle_input(s))
                        return;
        } else if (revents & (EPOLLHUP | EPOLLERR)) {
                end(s, -ECONNRESET);
                return;
        }
        if (handle_output(s))
                update_events(s);
}

/* An address is no name for SNI (RFC 6066 section 3), but a certificate may be for one. */
static int expect_host(struct net_stream *s, const char *host)
{
        struct in6_addr address;

        gnutls_session_set_verify_cert(s->tls, host, 0);
        if (inet_pton(AF_INET, host, &address) == 1 || inet_pton(AF_INET6, host, &address) == 1)
                return 0;
        return gnutls_server_name_set(s->tls, GNUTLS_NAME_DNS, host, strlen(host));
}

static int start_tls(struct net_stream *s, struct net_tls *tls)
{
        unsigned side = tls->host ? GNUTLS_CLIENT : GNUTLS_SERVER;

        s->handshaking = true;
        if (gnutls_init(&s->tls, side | GNUTLS_NONBLOCK | GNUTLS_NO_SIGNAL) < 0)
                return -ENOMEM;
        if (tls->host && expect_host(s, tls->host) < 0)
                return -ENOMEM;
        if (gnutls_priority_set(s->tls, tls->priority) < 0 ||
            gnutls_credentials_set(s->tls, GNUTLS_CRD_CERTIFICATE, tls->credentials) < 0)
                return -ENOMEM;
        if (tls->alpn) {
                const gnutls_datum_t wanted = {.data = (unsigned char *)tls->alpn,
                                               .size = (unsigned)strlen(tls->alpn)};

                s->alpn = tls->alpn;
                if (gnutls_alpn_set_protocols(s->tls, &wanted, 1, GNUTLS_ALPN_MANDATORY) < 0)
                        return -ENOMEM;
        }
        gnutls_transport_set_int(s->tls, s->fd);
        return loop_timer_start(&s->linger, s->loop, HANDSHAKE_USEC, on_linger_over);
}

int net_stream_open(struct net_stream *s, sd_event *loop, int fd, struct net_tls *tls, size_t in_max,
                    const struct net_stream_handler *handler)
{
        int r;

        *s = (struct net_stream){
                .handler = handler, .loop = loop, .fd = fd, .in_max = in_max, .is_open = true};
        r = tls ? start_tls(s, tls) : 0;
        if (r == 0)
                r = loop_io_start(&s->io, loop, fd, tls && tls->host ? EPOLLOUT : EPOLLIN, on_ready);
        if (r < 0)
                net_stream_close(s);
        return r;
}

void net_stream_consume(struct net_stream *s, size_t n)
{
        buf_consume(&s->in, n);
        if (buf_size(&s->in) == 0)
                buf_done(&s->in);
        if (s->is_open && s->io.source)
                update_events(s);
}

int net_stream_write(struct net_stream *s, const void *p, size_t n)
{
        const char *at = p;
        ssize_t k = 0;

        if (!s->is_open || s->closing)
                return -EPIPE;
        if (s->error < 0 || n == 0)
                return 0;
        while (n > 0 && net_stream_pending(s) == 0 && !s->handshaking && !s->write_blocked) {
                k = write_bytes(s, at, n);
                if (k < 0)
                        break;
                at += k;
                n -= (size_t)k;
        }
        if (k < 0 && k != -EAGAIN)
                s->error = (int)k;
        else
                buf_append(&s->out, at, n);
        s->above_water = s->above_water || net_stream_pending(s) >= NET_STREAM_LOW_WATER;
        if (!s->handshaking) /* which asks for its own events, and may not have begun */
                update_events(s);
        return buf_error(&s->out);
}

void net_stream_finish(struct net_stream *s)
{
        if (!s->is_open || s->closing)
                return;
        s->closing = true;
        buf_done(&s->in);
        if (s->handshaking || s->error < 0)
                (void)loop_timer_start(&s->linger, s->loop, 0, on_linger_over);
        else if (net_stream_pending(s) > 0)
                (void)loop_timer_start(&s->linger, s->loop, FLUSH_USEC, on_linger_over);
        else
                end_writing(s);
        if (s->io.source)
                update_events(s);
}

void net_stream_close(struct net_stream *s)
{
        if (!s->is_open)
                return;
        s->is_open = false;
        if (s->closed)
                *s->closed = true;
        loop_io_stop(&s->io);
        loop_timer_done(&s->linger);
        if (s->tls)
                gnutls_deinit(s->tls);
        s->tls = NULL;
        s->fd = fd_close(s->fd);
        buf_done(&s->in);
        buf_done(&s->out);
}
