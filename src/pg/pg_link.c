/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */
#include "pg/pg_link.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>

#include "pg/pg_cancel.h"

static void on_connect_ready(struct loop_io *io, uint32_t revents);

static void ignore_notice(void *context, const char *message)
{
}

static void link_fail(struct pg_link *l, const char *reason)
{
        pg_first_line(l->error, sizeof(l->error), reason);
        pg_link_close(l);
        l->handler->failed(l);
}

static void on_timeout(struct loop_timer *t)
{
        link_fail(container_of(t, struct pg_link, timer), "the server does not answer");
}

static void on_ready(struct loop_io *io, uint32_t revents)
{
        struct pg_link *l = container_of(io, struct pg_link, io);

        l->handler->ready(l, revents);
}

/* While connecting libpq may close its socket and open another, for the next address or without TLS, often
 * with the same number: the watch is made anew at each step, since epoll forgets a closed descriptor. */
static int watch(struct pg_link *l, uint32_t events, void (*ready)(struct loop_io *, uint32_t))
{
        loop_io_stop(&l->io);
        l->events = events;
        return loop_io_start(&l->io, l->loop, PQsocket(l->pg), events, ready);
}

static void link_connected(struct pg_link *l)
{
        loop_timer_stop(&l->timer);
        if (PQsetnonblocking(l->pg, 1) != 0 || watch(l, EPOLLIN, on_ready) < 0) {
                link_fail(l, "out of memory");
                return;
        }
        l->is_connected = true;
        l->error[0] = '\0';
        l->handler->connected(l);
}

static void on_connect_ready(struct loop_io *io, uint32_t revents)
{
        struct pg_link *l = container_of(io, struct pg_link, io);
        int r;

        switch (PQconnectPoll(l->pg)) {
        case PGRES_POLLING_OK:
                link_connected(l);
                return;
        case PGRES_POLLING_READING:
                r = watch(l, EPOLLIN, on_connect_ready);
                break;
        case PGRES_POLLING_WRITING:
                r = watch(l, EPOLLOUT, on_connect_ready);
                break;
        default:
                link_fail(l, PQerrorMessage(l->pg));
                return;
        }
        if (r < 0)
                link_fail(l, "out of memory");
}

/* PQconnectStart() may fail on the spot: the timer then brings the news, so that open never calls back. */
static void on_start_failed(struct loop_timer *t)
{
        struct pg_link *l = container_of(t, struct pg_link, timer);

        link_fail(l, PQerrorMessage(l->pg));
}

static bool is_writable(int fd)
{
        struct pollfd p = {.fd = fd, .events = POLLOUT};

        return poll(&p, 1, 0) == 1;
}

static int start(struct pg_link *l, const char *const *keywords, const char *const *values)
{
        PostgresPollingStatusType step = PGRES_POLLING_WRITING;

        l->pg = PQconnectStartParams(keywords, values, 0);
        if (!l->pg)
                return -ENOMEM;
        PQsetNoticeProcessor(l->pg, ignore_notice, NULL);
        /* As if PQconnectPoll() had asked to write (libpq manual, 34.1): what can be written at once, over a
         * Unix socket, is there when the server's process begins to read. */
        if (PQstatus(l->pg) != CONNECTION_BAD && is_writable(PQsocket(l->pg)))
                step = PQconnectPoll(l->pg);
        if (PQstatus(l->pg) == CONNECTION_BAD)
                return loop_timer_start(&l->timer, l->loop, 0, on_start_failed);
        return watch(l, step == PGRES_POLLING_READING ? EPOLLIN : EPOLLOUT, on_connect_ready);
}

/* Of several values for a keyword libpq takes the last. */
static void on_resolved(struct pg_resolve *r)
{
        struct pg_link *l = container_of(r, struct pg_link, resolve);
        const char *keywords[PG_KEYWORDS_MAX + 4], *values[PG_KEYWORDS_MAX + 4];
        unsigned n = l->params->n;

        if (!r->hosts) {
                link_fail(l, r->error);
                return;
        }
        memcpy(keywords, l->params->keywords, n * sizeof(*keywords));
        memcpy(values, l->params->values, n * sizeof(*values));
        keywords[n] = "host";
        values[n++] = r->hosts;
        keywords[n] = "hostaddr";
        values[n++] = r->addresses;
        keywords[n] = "port";
        values[n++] = r->ports;
        keywords[n] = values[n] = NULL;
        if (start(l, keywords, values) < 0)
                link_fail(l, "out of memory");
}

int pg_link_open(struct pg_link *l, sd_event *loop, const struct pg_params *params,
                 const struct pg_link_handler *handler)
{
        const char *hosts = pg_params_get(params, "host");
        int r;

        l->loop = loop;
        l->params = params;
        l->handler = handler;
        l->is_connected = false;
        r = loop_timer_start(&l->timer, loop, PG_CONNECT_USEC, on_timeout);
        if (r >= 0 && !pg_params_get(params, "hostaddr") && pg_resolve_is_needed(hosts))
                r = pg_resolve_start(&l->resolve, loop, hosts, pg_params_get(params, "port"), on_resolved);
        else if (r >= 0)
                r = start(l, params->keywords, params->values);
        if (r < 0)
                pg_link_close(l);
        return MIN_OF(r, 0);
}

void pg_link_close(struct pg_link *l)
{
        loop_io_stop(&l->io);
        loop_timer_done(&l->timer);
        pg_resolve_done(&l->resolve);
        PQfinish(l->pg);
        l->pg = NULL;
        l->is_connected = false;
}

static void set_events(struct pg_link *l, uint32_t events)
{
        if (events == l->events)
                return;
        l->events = events;
        (void)loop_io_set_events(&l->io, events);
}

int pg_link_flush(struct pg_link *l)
{
        int r = PQflush(l->pg);

        if (r < 0)
                return -ECONNRESET;
        set_events(l, (l->events & (uint32_t)~EPOLLOUT) | (r > 0 ? EPOLLOUT : 0));
        return r > 0;
}

void pg_link_pause(struct pg_link *l, bool paused)
{
        set_events(l, (l->events & (uint32_t)~EPOLLIN) | (paused ? 0 : EPOLLIN));
}

void pg_link_abort(struct pg_link *l)
{
        if (l->pg)
                pg_cancel_running(l->pg);
        pg_link_close(l);
}
