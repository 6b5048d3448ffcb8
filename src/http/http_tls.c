/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */

/* TLS before MHD, which gets one end of a socket pair and sees a plain client.
 *
 * MHD has a TLS of its own, but what it does for connections that leave HTTP is not fit for many of them: the
 * answer's headers take all its memory of a connection, so that bytes go on through a buffer of four, each
 * four in a TLS record of their own; and the end of one may pass unnoticed until MHD is stopped.
 *
 *     client <- net_stream, TLS -> us <- socket pair -> MHD, or who took over from it
 *
 * Nothing is kept here: bytes wait in the client's stream or in the pair. While neither direction can go on
 * the pair is not watched at all, since an end that nobody reads yet would be told again and again. */

#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/fd.h"
#include "http/http_internal.h"
#include "net/net_stream.h"

#define PORTION 16384 /* a TLS record */

struct http_tls {
        struct list_link link; /* in the server's `secured` */
        struct http_listener *listener;
        struct net_stream client;
        int fd; /* owned: our end of the pair */
        struct loop_io io;
        bool client_ended; /* it sends no more */
        bool is_finishing; /* the other end is closed */
};

static struct http_tls *http_tls_free(struct http_tls *t)
{
        list_remove(&t->link);
        loop_io_stop(&t->io);
        net_stream_close(&t->client);
        t->fd = fd_close(t->fd);
        net_acceptor_closed(&t->listener->acceptor);
        service_linger_end(t->listener->server->service);
        free(t);
        return NULL;
}

static bool has_room(const struct http_tls *t)
{
        return net_stream_pending(&t->client) < NET_STREAM_LOW_WATER;
}

static size_t n_unread(const struct http_tls *t)
{
        size_t n;

        (void)net_stream_input(&t->client, &n);
        return n;
}

/* The client's bytes. Who has closed the other end, or reads no more, does not get them. */
static void pass_on(struct http_tls *t)
{
        size_t n;
        const char *p = net_stream_input(&t->client, &n);
        ssize_t k;

        if (n > 0) {
                k = send(t->fd, p, n, MSG_NOSIGNAL);
                if (k < 0 && (errno == EAGAIN || errno == EINTR))
                        return;
                net_stream_consume(&t->client, k < 0 ? n : (size_t)k);
        }
        if (t->client_ended && n_unread(t) == 0)
                (void)shutdown(t->fd, SHUT_WR);
}

/* One portion for the client. False: there is none now, or no more. */
static bool bring_back(struct http_tls *t)
{
        char bytes[PORTION];
        ssize_t n = recv(t->fd, bytes, sizeof(bytes), 0);

        if (n < 0 && (errno == EAGAIN || errno == EINTR))
                return false;
        if (n > 0 && net_stream_write(&t->client, bytes, (size_t)n) == 0)
                return true;
        t->is_finishing = true;
        loop_io_stop(&t->io);
        net_stream_finish(&t->client);
        return false;
}

static void on_pair_ready(struct loop_io *io, uint32_t revents);

static void watch(struct http_tls *t)
{
        uint32_t events = (has_room(t) ? EPOLLIN : 0) | (n_unread(t) > 0 ? EPOLLOUT : 0);

        if (t->is_finishing)
                return;
        if (events == 0)
                loop_io_stop(&t->io);
        else if (t->io.source)
                (void)loop_io_set_events(&t->io, events);
        else
                (void)loop_io_start(&t->io, t->listener->server->loop, t->fd, events, on_pair_ready);
}

static void on_pair_ready(struct loop_io *io, uint32_t revents)
{
        struct http_tls *t = container_of(io, struct http_tls, io);

        pass_on(t);
        if (revents & (EPOLLIN | EPOLLHUP | EPOLLERR) && has_room(t))
                (void)bring_back(t);
        watch(t);
}

static void on_received(struct net_stream *s)
{
        struct http_tls *t = container_of(s, struct http_tls, client);

        pass_on(t);
        watch(t);
}

static void on_drained(struct net_stream *s)
{
        watch(container_of(s, struct http_tls, client));
}

static void on_ended(struct net_stream *s, int error)
{
        struct http_tls *t = container_of(s, struct http_tls, client);

        if (error < 0 || t->is_finishing) {
                http_tls_free(t);
                return;
        }
        t->client_ended = true;
        pass_on(t);
        watch(t);
}

static int start(struct http_tls *t, int fd)
{
        static const struct net_stream_handler handler = {
                .received = on_received, .drained = on_drained, .ended = on_ended};
        struct http_server *s = t->listener->server;
        int r;

        r = net_stream_open(&t->client, s->loop, fd, t->listener->tls, PORTION, &handler);
        if (r < 0)
                return r;
        r = loop_io_start(&t->io, s->loop, t->fd, EPOLLIN, on_pair_ready);
        if (r < 0)
                net_stream_close(&t->client);
        return r;
}

int http_tls_accept(struct http_listener *l, int fd)
{
        struct http_tls *t = new0(struct http_tls, 1);
        int pair[2], r;

        if (!t || socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair) < 0) {
                r = t ? -errno : -ENOMEM;
                free(t);
                (void)fd_close(fd);
                return r;
        }
        t->listener = l;
        t->fd = pair[0];
        r = start(t, fd);
        if (r < 0) {
                (void)fd_close(pair[0]);
                (void)fd_close(pair[1]);
                free(t);
                return r;
        }
        list_append(&l->server->secured, &t->link);
        service_linger(l->server->service);
        return pair[1];
}

/* What MHD has said at last goes out as far as it can at once. */
void http_tls_stop(struct http_server *s)
{
        LIST_FOREACH_SAFE (i, &s->secured) {
                struct http_tls *t = LIST_ENTRY(i, struct http_tls, link);

                while (!t->is_finishing && has_room(t) && bring_back(t))
                        continue;
                http_tls_free(t);
        }
}
