/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */

/* The client: connections, each with an nghttp2 session, and the task that ends each turn of the loop.
 *
 *     none --an ask needs one--> CURRENT --GOAWAY--> RETIRED --its last ask is over--> freed
 *                                   | broken: its asks end with UNAVAILABLE
 *                                   +--> freed
 */

#include <errno.h>
#include <string.h>

#include "base/alloc.h"
#include "base/fd.h"
#include "net/net_address.h"
#include "rpc/rpc_client_internal.h"

#define IN_MAX 32768          /* unread bytes; more stay in the socket */
#define OUT_HIGH (128 * 1024) /* unsent bytes, beyond which the session is asked for no more */
#define ALARM_STEP_USEC ((usec_t)10 * USEC_PER_MSEC)

static void on_received(struct net_stream *stream);
static void on_drained(struct net_stream *stream);
static void on_ended(struct net_stream *stream, int error);

static const struct net_stream_handler handler = {on_received, on_drained, on_ended};

void rpc_client_schedule(struct rpc_client *c)
{
        loop_task_schedule(&c->task);
}

/* ---- Connections ---- */

void rpc_link_retire(struct rpc_link *l)
{
        if (l->client->current == l)
                l->client->current = NULL;
}

/* The task frees it. */
static void lose(struct rpc_link *l, const char *why)
{
        if (l->is_lost)
                return;
        l->is_lost = true;
        rpc_link_retire(l);
        LIST_FOREACH (i, &l->client->asks) {
                struct rpc_ask *a = LIST_ENTRY(i, struct rpc_ask, link);

                if (a->rpc_link == l)
                        rpc_ask_close(a, GRPC_UNAVAILABLE, why);
        }
        rpc_client_schedule(l->client);
}

static void link_free(struct rpc_link *l)
{
        nghttp2_session_del(l->session);
        net_stream_close(&l->stream);
        list_remove(&l->link);
        free(l);
}

static void on_received(struct net_stream *stream)
{
        struct rpc_link *l = container_of(stream, struct rpc_link, stream);
        size_t n;
        const char *p = net_stream_input(&l->stream, &n);
        ssize_t k;

        if (l->is_lost)
                return;
        k = nghttp2_session_mem_recv(l->session, (const uint8_t *)p, n);
        if (k < 0) {
                lose(l, "the server does not speak HTTP/2");
                return;
        }
        net_stream_consume(&l->stream, (size_t)k);
        rpc_client_schedule(l->client);
}

static void on_drained(struct net_stream *stream)
{
        rpc_client_schedule(container_of(stream, struct rpc_link, stream)->client);
}

static void on_ended(struct net_stream *stream, int error)
{
        struct rpc_link *l = container_of(stream, struct rpc_link, stream);

        if (error == -EPROTO)
                lose(l, "TLS failed: the certificate is not trusted, or there is no gRPC");
        else
                lose(l, error < 0 ? strerror(-error) : "the server closed the connection");
}

static int link_new(struct rpc_client *c, struct rpc_link **ret)
{
        struct rpc_link *l;
        int fd, r;

        fd = c->setup.dial(c->setup.context);
        if (fd < 0)
                return fd;
        l = new0(struct rpc_link, 1);
        if (!l) {
                (void)fd_close(fd);
                return -ENOMEM;
        }
        net_tune(fd);
        l->client = c;
        list_append(&c->links, &l->link);
        r = net_stream_open(&l->stream, c->loop, fd, c->setup.tls, IN_MAX, &handler);
        if (r == 0)
                r = rpc_client_session_open(l);
        if (r < 0) {
                link_free(l);
                return r;
        }
        *ret = l;
        return 0;
}

int rpc_client_connect(struct rpc_client *c, struct rpc_link **ret)
{
        int r = c->current ? 0 : link_new(c, &c->current);

        *ret = c->current;
        return r;
}

/* ---- The end of a turn ---- */

static bool is_used(const struct rpc_link *l)
{
        LIST_FOREACH (i, &l->client->asks)
                if (LIST_ENTRY(i, struct rpc_ask, link)->rpc_link == l)
                        return true;
        return false;
}

/* 0 or -errno. */
static int flush(struct rpc_link *l)
{
        struct buf *out = &l->client->scratch;
        ssize_t n = 1;
        int r;

        buf_reset(out);
        while (n > 0 && net_stream_pending(&l->stream) + buf_size(out) < OUT_HIGH) {
                const uint8_t *bytes;

                n = nghttp2_session_mem_send(l->session, &bytes);
                if (n > 0)
                        buf_append(out, bytes, (size_t)n);
        }
        r = buf_error(out);
        if (r < 0)
                buf_done(out);
        else if (n < 0)
                r = -EIO;
        else if (buf_size(out) > 0)
                r = net_stream_write(&l->stream, buf_bytes(out), buf_size(out));
        return r;
}

static void serve_link(struct rpc_link *l)
{
        if (!l->is_lost && flush(l) < 0)
                lose(l, "the connection cannot go on");
        if (!nghttp2_session_want_read(l->session) && !nghttp2_session_want_write(l->session))
                lose(l, "the server does not keep to HTTP/2"); /* or it is done, and nobody hears that */
        if (l->is_lost || (l->client->current != l && !is_used(l)))
                link_free(l);
}

static void on_task(struct loop_task *t)
{
        struct rpc_client *c = container_of(t, struct rpc_client, task);
        struct list_link *i;

        while ((i = list_first(&c->awake))) {
                list_remove(i);
                rpc_ask_run(LIST_ENTRY(i, struct rpc_ask, awake_link));
        }
        LIST_FOREACH_SAFE (k, &c->links)
                serve_link(LIST_ENTRY(k, struct rpc_link, link));
}

/* ---- Deadlines ---- */

static void on_alarm(struct loop_timer *t)
{
        struct rpc_client *c = container_of(t, struct rpc_client, alarm);
        usec_t now = clock_monotonic_usec(), next = USEC_INFINITY;

        c->alarm_usec = USEC_INFINITY;
        LIST_FOREACH (i, &c->asks) {
                struct rpc_ask *a = LIST_ENTRY(i, struct rpc_ask, link);

                if (a->deadline_usec <= now)
                        rpc_ask_expire(a);
                else
                        next = MIN_OF(next, a->deadline_usec);
        }
        if (next != USEC_INFINITY)
                rpc_client_alarm(c, MAX_OF(next, now + ALARM_STEP_USEC));
}

void rpc_client_alarm(struct rpc_client *c, usec_t at)
{
        usec_t now = clock_monotonic_usec();

        if (c->alarm_usec <= at)
                return;
        if (loop_timer_start(&c->alarm, c->loop, at > now ? at - now : 0, on_alarm) == 0)
                c->alarm_usec = at;
}

/* ---- Life ---- */

int rpc_client_new(struct rpc_client **ret, sd_event *loop, const struct rpc_client_setup *setup)
{
        _cleanup_(rpc_client_freep) struct rpc_client *c = NULL;
        int r;

        c = new0(struct rpc_client, 1);
        if (!c)
                return -ENOMEM;
        c->loop = loop;
        c->setup = *setup;
        c->alarm_usec = USEC_INFINITY;
        list_init(&c->links);
        list_init(&c->asks);
        list_init(&c->awake);
        r = loop_task_init(&c->task, loop, on_task);
        if (r == 0)
                r = rpc_client_session_setup(c);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(c);
        return 0;
}

struct rpc_client *rpc_client_free(struct rpc_client *c)
{
        if (!c)
                return NULL;
        LIST_FOREACH_SAFE (i, &c->asks)
                rpc_ask_cancel(LIST_ENTRY(i, struct rpc_ask, link));
        LIST_FOREACH_SAFE (k, &c->links)
                link_free(LIST_ENTRY(k, struct rpc_link, link));
        loop_task_done(&c->task);
        loop_timer_done(&c->alarm);
        nghttp2_session_callbacks_del(c->callbacks);
        nghttp2_option_del(c->option);
        buf_done(&c->scratch);
        free(c);
        return NULL;
}
