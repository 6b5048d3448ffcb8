/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */

#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "base/alloc.h"
#include "base/fd.h"
#include "http/http_internal.h"

#define SWEEP_USEC USEC_PER_SEC
#define DRAIN_USED_USEC USEC_PER_SEC         /* an idle client that was served; it may return any time */
#define DRAIN_FRESH_USEC (5 * USEC_PER_SEC)  /* one whose first request is still on its way */
#define DROP_USEC (30 * USEC_PER_SEC)        /* for the rest of a body after its answer is known */
#define STREAM_FULL_USEC (60 * USEC_PER_SEC) /* a reader that takes less than 3 KiB/s of a stream */
#define LAST_RUNS_MAX 64                     /* at the end, to let answers go out */

const struct conf_option http_options[] = {
        {.section = "HTTP",
         .key = "MaxBody",
         .type = CONF_SIZE,
         .offset = offsetof(struct http_conf, body_max),
         .fallback = "1M",
         .min = 1024,
         .max = UINT64_C(1) << 30},
        {.section = "HTTP",
         .key = "MaxConnections",
         .type = CONF_UINT,
         .offset = offsetof(struct http_conf, connections_max),
         .fallback = "2000",
         .min = 1,
         .max = 1000000},
        {.section = "HTTP",
         .key = "MaxRequestsWaiting",
         .type = CONF_UINT,
         .offset = offsetof(struct http_conf, requests_waiting_max),
         .fallback = "10000",
         .min = 1,
         .max = 1000000},
        {.section = "HTTP",
         .key = "RequestTimeoutSec",
         .type = CONF_USEC,
         .offset = offsetof(struct http_conf, request_timeout_usec),
         .fallback = "10",
         .min = USEC_PER_SEC,
         .max = 600 * USEC_PER_SEC},
        {.section = "HTTP",
         .key = "KeepAliveSec",
         .type = CONF_USEC,
         .offset = offsetof(struct http_conf, keepalive_usec),
         .fallback = "15",
         .min = USEC_PER_SEC,
         .max = 3600 * USEC_PER_SEC},
        {0},
};

/* ---- connections ---- */

void http_connection_cut(struct http_connection *c, int how)
{
        c->was_cut = true;
        (void)shutdown(c->fd, how);
}

struct http_connection *http_connection_free(struct http_connection *c)
{
        struct http_server *s;

        if (!c)
                return NULL;
        s = c->listener->server;
        assert(!c->request);
        list_remove(&c->link);
        if (!c->listener->tls)
                net_acceptor_closed(&c->listener->acceptor);
        s->metrics.n_connections--;
        service_linger_end(s->service);
        free(c);
        return NULL;
}

static bool is_without_request(const struct http_server *s, const struct http_connection *c, usec_t now)
{
        usec_t quiet = now - c->quiet_usec;

        if (s->drain_usec != 0)
                return now - s->drain_usec >= (c->was_used ? DRAIN_USED_USEC : DRAIN_FRESH_USEC);
        return quiet >= s->conf->keepalive_usec;
}

/* MHD reads, edge-triggered, until a read is short: an end that comes together with bytes stays unseen. */
static bool has_half_closed(const struct http_connection *c)
{
        char byte;

        return recv(c->fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) == 0;
}

static void sweep_idle(struct http_server *s, struct http_connection *c, usec_t now)
{
        bool peek = !c->was_peeked; /* once is enough: an end that comes alone is seen */

        c->was_peeked = true;
        if (c->was_cut || (peek && has_half_closed(c)))
                http_connection_cut(c, SHUT_RDWR);
        else if (is_without_request(s, c, now))
                http_connection_cut(c, SHUT_RD);
}

/* Bytes of the request are still to come, and we would take them. */
static bool is_receiving(const struct http_request *r)
{
        if (r->is_whole || r->is_queued)
                return false;
        return r->state == HTTP_READING || r->state == HTTP_ANSWERED || (r->receiver && !r->is_paused);
}

/* A request that does not come to its end, though nobody but its client can bring it there. */
static bool is_stuck(const struct http_request *r, usec_t now)
{
        if (is_receiving(r) && has_half_closed(r->connection))
                return true;
        if (r->state == HTTP_READING)
                return now >= r->deadline_usec;
        if (r->state != HTTP_ANSWERED)
                return false;
        if (!r->is_queued)
                return !r->is_whole && now - r->answered_usec >= DROP_USEC;
        return r->stream && r->stream->full_usec != 0 && now - r->stream->full_usec >= STREAM_FULL_USEC;
}

void http_server_sweep(struct http_server *s, usec_t now)
{
        LIST_FOREACH (i, &s->connections) {
                struct http_connection *c = LIST_ENTRY(i, struct http_connection, link);

                if (!c->request)
                        sweep_idle(s, c, now);
                else if (is_stuck(c->request, now))
                        http_connection_cut(c, SHUT_RDWR);
        }
}

static void on_sweep(struct loop_timer *t)
{
        struct http_server *s = container_of(t, struct http_server, sweep);

        http_server_sweep(s, clock_monotonic_usec());
        if (!list_is_empty(&s->connections))
                (void)loop_timer_start(&s->sweep, s->loop, SWEEP_USEC, on_sweep);
}

static void on_accepted(struct net_acceptor *a, int fd, const struct net_peer *peer)
{
        static const struct sockaddr nowhere = {.sa_family = AF_UNSPEC}; /* we keep the peer ourselves */
        struct http_listener *l = container_of(a, struct http_listener, acceptor);
        struct http_server *s = l->server;
        struct http_connection *c = new0(struct http_connection, 1);

        if (c && l->tls)
                fd = http_tls_accept(l, fd);
        if (!c || fd < 0) {
                (void)fd_close(fd);
                net_acceptor_closed(a);
                free(c);
                return;
        }
        c->listener = l;
        c->peer = *peer;
        c->fd = fd;
        c->quiet_usec = clock_monotonic_usec();
        list_append(&s->connections, &c->link);
        s->metrics.n_connections++;
        service_linger(s->service);
        if (!loop_timer_is_armed(&s->sweep))
                (void)loop_timer_start(&s->sweep, s->loop, SWEEP_USEC, on_sweep);
        s->accepting = c;
        /* Closes fd when it fails, and may or may not have told on_connection() before. */
        (void)MHD_add_connection(s->port.mhd, fd, &nowhere, sizeof(nowhere));
        s->accepting = http_connection_free(s->accepting);
}

/* ---- the server ---- */

static void on_kick(struct loop_task *t)
{
        struct http_server *s = container_of(t, struct http_server, kick);

        http_upgrade_run(s);
        if (s->port.wants_run)
                http_port_run(&s->port);
        http_stream_run_writable(s);
        http_request_free_orphans(s);
}

void http_server_kick(struct http_server *s)
{
        loop_task_schedule(&s->kick);
}

int http_server_new(struct http_server **ret, struct service *service, const struct http_server_setup *setup)
{
        _cleanup_(http_server_freep) struct http_server *s = NULL;
        int r;

        s = new0(struct http_server, 1);
        if (!s)
                return -ENOMEM;
        s->service = service;
        s->loop = service_loop(service);
        s->setup = *setup;
        s->conf = setup->conf;
        list_init(&s->connections);
        list_init(&s->requests);
        list_init(&s->spare);
        list_init(&s->writable);
        list_init(&s->orphans);
        list_init(&s->upgraded);
        list_init(&s->secured);
        random_bytes(&s->id_seed, sizeof(s->id_seed));
        random_bytes(&s->id_last, sizeof(s->id_last));
        r = loop_task_init(&s->kick, s->loop, on_kick);
        if (r < 0)
                return r;
        r = http_router_new(&s->router, setup->routes);
        if (r < 0)
                return r;
        s->setup.routes = NULL;
        *ret = TAKE_PTR(s);
        return 0;
}

int http_server_listen(struct http_server *s, int fd, bool is_admin, struct net_tls *tls)
{
        struct http_listener *l;
        int r;

        if (s->n_listeners == ARRAY_SIZE(s->listeners))
                return -ENOBUFS;
        if (!s->port.mhd) {
                r = http_port_open(&s->port, s);
                if (r < 0)
                        return r;
        }
        l = &s->listeners[s->n_listeners];
        l->server = s;
        l->tls = tls;
        r = net_acceptor_start(&l->acceptor, s->loop, fd, is_admin, (unsigned)s->conf->connections_max,
                               on_accepted);
        if (r < 0)
                return r;
        s->n_listeners++;
        return 0;
}

void http_server_reload(struct http_server *s, const struct http_conf *conf)
{
        s->conf = conf;
        for (size_t i = 0; i < s->n_listeners; i++)
                net_acceptor_set_max(&s->listeners[i].acceptor, (unsigned)conf->connections_max);
}

static void stop_accepting(struct http_server *s)
{
        for (size_t i = 0; i < s->n_listeners; i++)
                net_acceptor_stop(&s->listeners[i].acceptor);
}

void http_server_drain(struct http_server *s)
{
        if (s->drain_usec != 0)
                return;
        s->drain_usec = clock_monotonic_usec();
        stop_accepting(s);
        if (!list_is_empty(&s->connections))
                (void)loop_timer_start(&s->sweep, s->loop, SWEEP_USEC, on_sweep);
}

/* Every request gets an answer, and its operation is taken back: MHD_stop_daemon() aborts while one waits. */
static void answer_all(struct http_server *s)
{
        LIST_FOREACH_SAFE (i, &s->requests) {
                struct http_request *r = LIST_ENTRY(i, struct http_request, link);

                if (r->stream)
                        http_stream_cut(r);
                else if (r->state == HTTP_RUNNING || r->state == HTTP_WAITING)
                        http_reply_error(r, -ECANCELED);
        }
        for (unsigned i = 0; s->port.mhd && i < LAST_RUNS_MAX; i++) {
                http_port_run(&s->port);
                if (!s->port.wants_run)
                        break;
        }
        http_request_free_orphans(s);
}

struct http_server *http_server_free(struct http_server *s)
{
        if (!s)
                return NULL;
        s->is_stopping = true;
        stop_accepting(s);
        answer_all(s);
        http_upgrade_stop(s);
        http_port_close(&s->port);
        http_tls_stop(s);
        http_request_free_orphans(s);
        LIST_FOREACH_SAFE (i, &s->spare) {
                list_remove(i);
                free(LIST_ENTRY(i, struct http_request, link));
        }
        loop_timer_done(&s->sweep);
        loop_task_done(&s->kick);
        http_router_free(s->router);
        free(s);
        return NULL;
}

const struct http_metrics *http_server_metrics(const struct http_server *s)
{
        return &s->metrics;
}
