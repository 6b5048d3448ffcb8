/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */
#pragma once

/* Accepts connections up to a limit.  At the limit, and for a second after EMFILE, it stops watching the
 * listener: clients wait in the kernel's backlog, none is refused. */

#include <stdbool.h>

#include "net/net_address.h"
#include "service/listen.h"
#include "service/loop.h"

struct net_acceptor {
        struct loop_io io;
        struct loop_timer pause;
        sd_event *loop; /* borrowed */
        int fd;         /* borrowed listener */
        bool is_admin;
        unsigned n_open, open_max;
        bool stopped;
        /* Consumes fd (non-blocking, close-on-exec, TCP_NODELAY and keep-alive set). */
        void (*accepted)(struct net_acceptor *a, int fd, const struct net_peer *peer);
};

int net_acceptor_start(struct net_acceptor *a, sd_event *loop, int listener_fd, bool is_admin,
                       unsigned open_max,
                       void (*accepted)(struct net_acceptor *a, int fd, const struct net_peer *peer));
/* A new limit; who is connected stays. */
void net_acceptor_set_max(struct net_acceptor *a, unsigned open_max);
/* One of the accepted connections is gone. */
void net_acceptor_closed(struct net_acceptor *a);
/* Stops watching, for good; the listener stays open. Safe on a zeroed or stopped acceptor. */
void net_acceptor_stop(struct net_acceptor *a);
