/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include "ws/ws_conn.h"

#define READ_BYTES 4096         /* at once; a client has little to say */
#define CONTROL_BYTES_MAX 16384 /* pongs for a client that asks and does not read */

static void end(struct ws_conn *c)
{
        if (c->has_ended)
                return;
        c->has_ended = true;
        loop_io_stop(&c->io);
        loop_timer_stop(&c->grace);
        c->handler->closed(c, c->code);
}

/* The end is told from the loop: a connection that breaks while we write shows itself to the reader. */
static void break_off(struct ws_conn *c)
{
        c->is_broken = true;
        if (!c->is_closing)
                c->code = WS_CLOSE_ABNORMAL;
        (void)shutdown(http_tunnel_fd(c->tunnel), SHUT_RDWR);
}

/* ---- output ---- */

/* 0: all of it; 1: the socket is full; -1: broken. */
static int push(struct ws_conn *c, const char *p, size_t n, size_t *done)
{
        while (*done < n) {
                ssize_t k =
                        send(http_tunnel_fd(c->tunnel), p + *done, n - *done, MSG_NOSIGNAL | MSG_DONTWAIT);

                if (k >= 0)
                        *done += (size_t)k;
                else if (errno == EAGAIN || errno == EWOULDBLOCK)
                        return 1;
                else if (errno != EINTR) {
                        break_off(c);
                        return -1;
                }
        }
        return 0;
}

static void watch_output(struct ws_conn *c, bool on)
{
        if (c->is_watching_output == on || c->has_ended)
                return;
        c->is_watching_output = on;
        (void)loop_io_set_events(&c->io, on ? EPOLLIN | EPOLLOUT : EPOLLIN);
}

static int push_frame(struct ws_conn *c)
{
        int k = push(c, c->frame->bytes, c->frame->size, &c->n_sent);

        if (k == 0)
                c->frame = ws_frame_unref(c->frame);
        return k;
}

static int push_control(struct ws_conn *c)
{
        size_t n = 0;
        int k;

        if (buf_size(&c->control) == 0)
                return 0;
        k = push(c, buf_bytes(&c->control), buf_size(&c->control), &n);
        buf_consume(&c->control, n);
        if (k == 0)
                buf_done(&c->control);
        return k;
}

/* A frame that was begun comes first: frames are not cut by others. */
static int flush(struct ws_conn *c)
{
        int k = 0;

        if (c->is_broken)
                return -1;
        if (c->frame)
                k = push_frame(c);
        if (k == 0)
                k = push_control(c);
        watch_output(c, k > 0);
        /* Both have said good-bye: TCP's turn. We read on to its end, since a reset could overtake our words.
         */
        if (k == 0 && c->is_closing && c->is_deaf)
                (void)shutdown(http_tunnel_fd(c->tunnel), SHUT_WR);
        return k;
}

int ws_conn_send(struct ws_conn *c, struct ws_frame *f)
{
        assert(!c->frame);
        if (c->is_closing || c->is_broken)
                return 1;
        c->n_sent = 0;
        c->frame = ws_frame_ref(f);
        return flush(c) == 0 ? 0 : 1;
}

bool ws_conn_ping(struct ws_conn *c)
{
        if (c->frame || c->is_closing || c->is_broken || buf_size(&c->control) > 0)
                return false;
        ws_write_ping(&c->control);
        (void)flush(c);
        return true;
}

/* ---- the end ---- */

static void on_grace(struct loop_timer *t)
{
        end(container_of(t, struct ws_conn, grace));
}

static void begin_closing(struct ws_conn *c, unsigned code)
{
        c->is_closing = true;
        c->code = code;
        (void)flush(c);
        if (loop_timer_start(&c->grace, c->loop, WS_CLOSE_GRACE_USEC, on_grace) < 0)
                break_off(c);
}

void ws_conn_close(struct ws_conn *c, unsigned code, const char *reason)
{
        if (c->is_closing || c->is_broken)
                return;
        ws_write_close(&c->control, code, reason);
        begin_closing(c, code);
}

/* ---- input ---- */

static void take(struct ws_conn *c, const char *p, size_t n)
{
        struct buf reply = BUF_EMPTY;
        unsigned code = WS_CLOSE_ABNORMAL;
        int k;

        if (c->is_deaf)
                return;
        k = ws_reader_feed(&c->reader, c->handler->message_max, p, n, &reply, &code);
        if (!c->is_closing && buf_size(&reply) > 0)
                buf_append(&c->control, buf_bytes(&reply), buf_size(&reply));
        buf_done(&reply);
        if (k < 0 || buf_size(&c->control) > CONTROL_BYTES_MAX || buf_error(&c->control) < 0) {
                break_off(c);
                return;
        }
        c->is_deaf = k > 0;
        if (c->is_deaf && !c->is_closing)
                begin_closing(c, code);
        else
                (void)flush(c);
}

/* False: the connection is over. */
static bool read_some(struct ws_conn *c)
{
        char bytes[READ_BYTES];
        ssize_t n = recv(http_tunnel_fd(c->tunnel), bytes, sizeof(bytes), MSG_DONTWAIT);

        if (n < 0)
                return errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR;
        if (n > 0)
                take(c, bytes, (size_t)n);
        return n > 0 && !c->is_broken;
}

static void on_ready(struct loop_io *io, uint32_t revents)
{
        struct ws_conn *c = container_of(io, struct ws_conn, io);
        bool was_sending = c->frame != NULL;

        if (revents & (EPOLLIN | EPOLLHUP | EPOLLERR)) {
                if (!read_some(c)) {
                        if (!c->is_closing)
                                c->code = WS_CLOSE_ABNORMAL;
                        end(c);
                        return;
                }
                if (revents & EPOLLIN && !c->is_closing)
                        c->handler->heard(c);
                if (c->has_ended)
                        return;
        }
        if (revents & EPOLLOUT)
                (void)flush(c);
        if (was_sending && !c->frame && !c->is_closing && !c->is_broken)
                c->handler->writable(c);
}

int ws_conn_open(struct ws_conn *c, sd_event *loop, struct http_tunnel *tunnel, const char *early, size_t n,
                 const struct ws_conn_handler *handler)
{
        int fd = http_tunnel_fd(tunnel), r;

        *c = (struct ws_conn){.handler = handler, .loop = loop, .tunnel = tunnel};
        (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int));
        r = loop_io_start(&c->io, loop, fd, EPOLLIN, on_ready);
        if (r < 0) {
                ws_conn_done(c);
                return r;
        }
        take(c, early, n);
        return 0;
}

void ws_conn_done(struct ws_conn *c)
{
        c->has_ended = true;
        loop_io_stop(&c->io);
        loop_timer_done(&c->grace);
        c->reader = ws_reader_free(c->reader);
        c->frame = ws_frame_unref(c->frame);
        buf_done(&c->control);
        c->tunnel = http_tunnel_close(c->tunnel);
}
