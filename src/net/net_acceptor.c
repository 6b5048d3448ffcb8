/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */

#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/fd.h"
#include "net/net_acceptor.h"
#include "service/log.h"

#define ACCEPT_BURST 64             /* per loop turn: a flood must not starve those who are connected */
#define SHORTAGE_PAUSE USEC_PER_SEC /* after EMFILE: nothing frees descriptors faster by our spinning */

static void on_ready(struct loop_io *io, uint32_t revents);
static void on_pause_over(struct loop_timer *t);

static bool may_accept(const struct net_acceptor *a)
{
        return !a->stopped && a->n_open < a->open_max;
}

static void watch(struct net_acceptor *a)
{
        int r;

        if (!may_accept(a) || a->io.source || loop_timer_is_armed(&a->pause))
                return;
        r = loop_io_start(&a->io, a->loop, a->fd, EPOLLIN, on_ready);
        if (r < 0)
                (void)loop_timer_start(&a->pause, a->loop, SHORTAGE_PAUSE, on_pause_over);
}

static void on_pause_over(struct loop_timer *t)
{
        watch(container_of(t, struct net_acceptor, pause));
}

/* 0: one was accepted or had left before; 1: nobody waits; -errno: not now. */
static int accept_one(struct net_acceptor *a)
{
        _cleanup_fd_ int fd = -1;
        struct net_peer peer;
        int r;

        fd = accept4(a->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd < 0) {
                if (errno == EAGAIN)
                        return 1;
                if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM)
                        return -errno;
                /* accept(2): on TCP the others are errors of the connection that would have come. */
                return 0;
        }
        r = net_peer_from_fd(fd, a->is_admin, &peer);
        if (r < 0)
                return 0; /* it has been reset already */
        if (peer.uid == (uid_t)-1)
                net_tune(fd);
        a->n_open++;
        a->accepted(a, TAKE_FD(fd), &peer);
        return 0;
}

static void on_ready(struct loop_io *io, uint32_t revents)
{
        struct net_acceptor *a = container_of(io, struct net_acceptor, io);
        int r = 0;

        for (unsigned i = 0; r == 0 && i < ACCEPT_BURST && may_accept(a); i++)
                r = accept_one(a);
        if (r < 0) {
                log_debug_errno(r, "Not accepting for a second: %m");
                if (loop_timer_start(&a->pause, a->loop, SHORTAGE_PAUSE, on_pause_over) == 0)
                        loop_io_stop(&a->io);
        }
        if (!may_accept(a))
                loop_io_stop(&a->io);
}

int net_acceptor_start(struct net_acceptor *a, sd_event *loop, int listener_fd, bool is_admin,
                       unsigned open_max,
                       void (*accepted)(struct net_acceptor *a, int fd, const struct net_peer *peer))
{
        int r;

        *a = (struct net_acceptor){
                .loop = loop,
                .fd = listener_fd,
                .is_admin = is_admin,
                .open_max = open_max,
                .accepted = accepted,
        };
        /* Somebody else may take the connection that woke us: accept must not wait for the next one. */
        r = fd_set_nonblock(listener_fd);
        if (r < 0)
                return r;
        /* Made now: the loop's first timer needs a descriptor, and the pause is for when there is none. */
        r = loop_timer_start(&a->pause, loop, SHORTAGE_PAUSE, on_pause_over);
        if (r < 0)
                return r;
        loop_timer_stop(&a->pause);
        return loop_io_start(&a->io, loop, listener_fd, EPOLLIN, on_ready);
}

void net_acceptor_set_max(struct net_acceptor *a, unsigned open_max)
{
        a->open_max = open_max;
        watch(a);
}

void net_acceptor_closed(struct net_acceptor *a)
{
        assert(a->n_open > 0);
        a->n_open--;
        watch(a);
}

void net_acceptor_stop(struct net_acceptor *a)
{
        a->stopped = true;
        loop_io_stop(&a->io);
        loop_timer_done(&a->pause);
}
