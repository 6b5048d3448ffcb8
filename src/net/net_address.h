/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */
#pragma once

/* Who is at the other end. */

#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/types.h>

struct net_peer {
        char text[64];    /* "127.0.0.1:40122", "[::1]:4022", "unix" */
        bool is_loopback; /* TCP from 127.0.0.0/8, ::1 or a v4-mapped loopback */
        bool is_admin;    /* came by the admin socket: being able to connect to it is the right */
        uid_t uid;        /* SO_PEERCRED on AF_UNIX, else -1; for logs only */
};

/* What every connection of ours has: no Nagle, keep-alive. Harmless on a Unix socket. */
void net_tune(int fd);
int net_peer_from_fd(int fd, bool admin_door, struct net_peer *ret);
