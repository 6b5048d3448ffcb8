/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */

/* MHD, driven from outside: an I/O source on its epoll descriptor, one timer, and the server's
 * kick task for what completions leave behind.
 *
 * MHD_suspend_connection() is what MHD offers for a request that waits, and it is dear: the socket leaves the
 * epoll set and is added again, and an extra read finds nothing - three system calls beside the two that an
 * answer needs. That extra read also finds the end of a client that half-closed after its request, and MHD
 * then drops the connection instead of answering. So a request first waits patiently: the handler returns
 * without an answer, and MHD asks it again in its next run. Most answers are there by then. Who has been
 * asked HTTP_PATIENCE_TURNS times is suspended after all; having been asked twice, it is past the extra read,
 * too.
 *
 * The price: MHD_get_timeout() says 0 while anybody is patient, for their sake or because there is more to
 * do. Where we know of more (answers queued in this run, bodies in motion) MHD is run again at once; else
 * what it may have to do for others (input that exactly filled its buffer) comes two milliseconds later. */

#include <errno.h>

#include "http/http_internal.h"

#define PATIENT_USEC (2 * USEC_PER_MSEC)
#define PASSES_MAX 8      /* in one turn of the loop, so that its other sources get their turn */
#define IO_TIMEOUT_SEC 30 /* a body or an answer that does not move at all */

static void on_timer(struct loop_timer *t)
{
        struct http_port *p = container_of(t, struct http_port, timer);

        p->armed_usec = USEC_INFINITY;
        http_port_run(p);
}

/* A timer that fires too early costs one run, moving it costs a system call each time: so it only ever moves
 * forward in time by firing. */
static void arm(struct http_port *p, usec_t delay)
{
        usec_t at = usec_add(clock_monotonic_usec(), delay);

        if (p->armed_usec <= at)
                return;
        if (loop_timer_start(&p->timer, p->server->loop, delay, on_timer) == 0)
                p->armed_usec = at;
}

void http_port_run(struct http_port *p)
{
        unsigned long long timeout_msec = 0;
        bool has_timeout = true;

        p->turn++;
        p->wants_run = false;
        for (unsigned i = 0; i < PASSES_MAX; i++) {
                p->n_queued = 0;
                (void)MHD_run(p->mhd);
                has_timeout = MHD_get_timeout(p->mhd, &timeout_msec) == MHD_YES;
                if (!has_timeout || timeout_msec > 0)
                        break;
                if (p->n_patient > 0 && p->n_queued == 0 && p->n_moving == 0)
                        break;
        }
        if (!has_timeout)
                return;
        if (timeout_msec > 0)
                arm(p, timeout_msec * USEC_PER_MSEC);
        else if (p->n_patient > 0)
                arm(p, PATIENT_USEC);
        else {
                p->wants_run = true;
                http_server_kick(p->server);
        }
}

static void on_ready(struct loop_io *io, uint32_t revents)
{
        http_port_run(container_of(io, struct http_port, io));
}

void http_port_wake(struct http_request *r)
{
        if (r->is_suspended) {
                r->is_suspended = false;
                MHD_resume_connection(r->mhd);
        } else if (!r->is_patient)
                return;
        r->server->port.wants_run = true;
        http_server_kick(r->server);
}

static void on_connection(void *cls, struct MHD_Connection *mhd, void **context,
                          enum MHD_ConnectionNotificationCode code)
{
        struct http_port *p = cls;

        if (code == MHD_CONNECTION_NOTIFY_STARTED)
                *context = TAKE_PTR(p->server->accepting);
        else
                *context = http_connection_free(*context);
}

static int watch(struct http_port *p)
{
        const union MHD_DaemonInfo *info = MHD_get_daemon_info(p->mhd, MHD_DAEMON_INFO_EPOLL_FD);

        if (!info)
                return -EIO;
        return loop_io_start(&p->io, p->server->loop, info->epoll_fd, EPOLLIN, on_ready);
}

int http_port_open(struct http_port *p, struct http_server *server)
{
        *p = (struct http_port){.server = server, .armed_usec = USEC_INFINITY};
        p->mhd = MHD_start_daemon(MHD_USE_EPOLL | MHD_USE_NO_LISTEN_SOCKET | MHD_ALLOW_UPGRADE, 0, NULL, NULL,
                                  http_on_request, p, MHD_OPTION_URI_LOG_CALLBACK, http_on_line, p,
                                  MHD_OPTION_NOTIFY_COMPLETED, http_on_completed, p,
                                  MHD_OPTION_NOTIFY_CONNECTION, on_connection, p,
                                  MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)HTTP_POOL_BYTES,
                                  MHD_OPTION_CONNECTION_TIMEOUT, (unsigned)IO_TIMEOUT_SEC,
                                  /* ours is the acceptors' */
                                  MHD_OPTION_CONNECTION_LIMIT, (unsigned)INT32_MAX, MHD_OPTION_END);
        return p->mhd ? watch(p) : -ENOMEM;
}

void http_port_close(struct http_port *p)
{
        if (!p->mhd)
                return;
        loop_io_stop(&p->io);
        MHD_stop_daemon(p->mhd);
        p->mhd = NULL;
        loop_timer_done(&p->timer);
}
