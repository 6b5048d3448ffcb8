/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */

/* One connection: what arrives goes into the nghttp2 session at once, what the session wants to send comes
 * out of it in the task, in writes of many frames.
 *
 *     GREETING --SETTINGS--> OPEN --GOAWAY sent or received, no call left--> ENDING --> freed
 *         |                    | gone, broken, flooded
 *         +--------------------+--> freed, at once or after the last frames
 *
 * ENDING has no session any more: the stream sends what it holds, then shuts down for writing and reads on
 * for a moment, since a close with unread input would reset the connection and with it the last answers. */

#include <errno.h>

#include "rpc/rpc_internal.h"

#define IN_MAX 32768 /* unread bytes; more stay in the socket */
#define OUT_HIGH                                                                                             \
        (128 * 1024)      /* unsent bytes, beyond which the session is asked for no more, and given none */
#define FLUSH_BYTES 65536 /* of one write */
#define GREETING_USEC (10 * USEC_PER_SEC)

static void on_received(struct net_stream *stream);
static void on_drained(struct net_stream *stream);
static void on_ended(struct net_stream *stream, int error);

static const struct net_stream_handler handler = {on_received, on_drained, on_ended};

struct rpc_connection *rpc_connection_free(struct rpc_connection *c)
{
        struct rpc_server *s;

        if (!c)
                return NULL;
        s = c->server;
        LIST_FOREACH_SAFE (i, &c->calls)
                rpc_call_detach(LIST_ENTRY(i, struct rpc_call, connection_link));
        nghttp2_session_del(c->session);
        net_stream_close(&c->stream);
        list_remove(&c->dirty_link);
        list_remove(&c->link);
        net_acceptor_closed(&c->listener->acceptor);
        s->metrics.n_connections--;
        service_linger_end(s->service);
        free(c);
        return NULL;
}

/* No session from here on; the stream tells when it has sent the rest. */
static void end(struct rpc_connection *c)
{
        LIST_FOREACH_SAFE (i, &c->calls)
                rpc_call_detach(LIST_ENTRY(i, struct rpc_call, connection_link));
        nghttp2_session_del(c->session);
        c->session = NULL;
        net_stream_finish(&c->stream);
}

void rpc_connection_accept(struct net_acceptor *a, int fd, const struct net_peer *peer)
{
        struct rpc_listener *l = container_of(a, struct rpc_listener, acceptor);
        struct rpc_server *s = l->server;
        struct rpc_connection *c = new0(struct rpc_connection, 1);

        if (!c) {
                (void)fd_close(fd);
                net_acceptor_closed(a);
                return;
        }
        c->server = s;
        c->listener = l;
        c->peer = *peer;
        c->quiet_usec = c->moved_usec = clock_monotonic_usec();
        list_init(&c->calls);
        list_append(&s->connections, &c->link);
        s->metrics.n_connections++;
        service_linger(s->service);
        if (net_stream_open(&c->stream, s->loop, fd, l->tls, IN_MAX, &handler) < 0 || rpc_session_open(c) < 0)
                rpc_connection_free(c);
        else
                rpc_server_schedule(s, c);
}

static bool is_choked(const struct rpc_connection *c)
{
        return net_stream_pending(&c->stream) >= OUT_HIGH;
}

static void feed(struct rpc_connection *c)
{
        while (c->session && !c->is_broken && !is_choked(c)) {
                size_t n;
                const char *p = net_stream_input(&c->stream, &n);
                ssize_t k;

                if (n == 0)
                        break;
                k = nghttp2_session_mem_recv(c->session, (const uint8_t *)p, n);
                if (k < 0) {
                        rpc_connection_punish(c);
                        break;
                }
                net_stream_consume(&c->stream, (size_t)k);
        }
        rpc_server_schedule(c->server, c);
}

static void on_received(struct net_stream *stream)
{
        feed(container_of(stream, struct rpc_connection, stream));
}

static void on_drained(struct net_stream *stream)
{
        feed(container_of(stream, struct rpc_connection, stream));
}

/* A half-close means nothing in HTTP/2: who ends the connection leaves. */
static void on_ended(struct net_stream *stream, int error)
{
        struct rpc_connection *c = container_of(stream, struct rpc_connection, stream);

        if (error == -EPROTO)
                c->server->metrics.n_punished++;
        rpc_connection_free(c);
}

/* The frames of many calls in one write. 0: there may be more; 1: that was all; -errno: the session failed.
 */
static int flush_some(struct rpc_connection *c)
{
        struct buf *out = &c->server->scratch;
        ssize_t n = 0;
        int r;

        buf_reset(out);
        while (buf_size(out) < FLUSH_BYTES) {
                const uint8_t *bytes;

                n = nghttp2_session_mem_send(c->session, &bytes);
                if (n <= 0)
                        break;
                buf_append(out, bytes, (size_t)n);
        }
        r = buf_error(out);
        if (r < 0) {
                buf_done(out);
                return r;
        }
        if (buf_size(out) > 0)
                r = net_stream_write(&c->stream, buf_bytes(out), buf_size(out));
        if (n < 0)
                return -EIO;
        return r < 0 ? r : n == 0;
}

void rpc_connection_flush(struct rpc_connection *c)
{
        int r = 0;

        if (!c->session)
                return;
        while (r == 0 && !is_choked(c))
                r = flush_some(c);
        if (r < 0 || (r == 1 && c->is_broken) ||
            (r == 1 && !nghttp2_session_want_read(c->session) && !nghttp2_session_want_write(c->session)))
                end(c);
}

void rpc_connection_tell(struct rpc_connection *c, bool is_final)
{
        if (!c->session || c->is_told)
                return;
        c->is_told = is_final;
        if (is_final)
                (void)nghttp2_submit_goaway(c->session, NGHTTP2_FLAG_NONE,
                                            nghttp2_session_get_last_proc_stream_id(c->session),
                                            NGHTTP2_NO_ERROR, NULL, 0);
        else
                (void)nghttp2_submit_shutdown_notice(c->session);
        rpc_server_schedule(c->server, c);
}

void rpc_connection_punish(struct rpc_connection *c)
{
        if (c->is_broken)
                return;
        c->is_broken = true;
        (void)nghttp2_session_terminate_session(c->session, NGHTTP2_ENHANCE_YOUR_CALM);
        rpc_server_schedule(c->server, c);
}

void rpc_connection_check(struct rpc_connection *c, usec_t now)
{
        size_t pending = net_stream_pending(&c->stream);

        if (pending == 0 || pending < c->last_pending)
                c->moved_usec = now;
        c->last_pending = pending;
        if (!c->session)
                return; /* the stream has its own patience */
        if (!c->is_greeted && now - c->quiet_usec >= GREETING_USEC) {
                c->server->metrics.n_punished++;
                rpc_connection_free(c);
        } else if (now - c->moved_usec >= c->server->conf->call_timeout_usec)
                rpc_connection_free(c); /* it reads nothing: no farewell would reach it */
        else if (c->n_calls == 0 && now - c->quiet_usec >= c->server->conf->keepalive_usec)
                rpc_connection_tell(c, true);
}
