/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "net/net_address.h"

#define KEEPALIVE_IDLE_SEC 60 /* a peer that lost its power is noticed after 60 + 3 * 20 s */
#define KEEPALIVE_INTERVAL_SEC 20
#define KEEPALIVE_PROBES 3

static bool is_v4_loopback(const uint8_t *bytes)
{
        return bytes[0] == 127;
}

static int describe_v4(const struct sockaddr_in *in, struct net_peer *peer)
{
        char host[INET_ADDRSTRLEN];

        if (!inet_ntop(AF_INET, &in->sin_addr, host, sizeof(host)))
                return -errno;
        (void)snprintf(peer->text, sizeof(peer->text), "%s:%u", host, ntohs(in->sin_port));
        peer->is_loopback = is_v4_loopback((const uint8_t *)&in->sin_addr);
        return 0;
}

static int describe_v6(const struct sockaddr_in6 *in, struct net_peer *peer)
{
        char host[INET6_ADDRSTRLEN];

        if (!inet_ntop(AF_INET6, &in->sin6_addr, host, sizeof(host)))
                return -errno;
        (void)snprintf(peer->text, sizeof(peer->text), "[%s]:%u", host, ntohs(in->sin6_port));
        if (IN6_IS_ADDR_V4MAPPED(&in->sin6_addr))
                peer->is_loopback = is_v4_loopback(in->sin6_addr.s6_addr + 12);
        else
                peer->is_loopback = IN6_IS_ADDR_LOOPBACK(&in->sin6_addr);
        return 0;
}

static int describe_unix(int fd, struct net_peer *peer)
{
        struct ucred credentials;
        socklen_t size = sizeof(credentials);

        (void)snprintf(peer->text, sizeof(peer->text), "unix");
        if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &credentials, &size) < 0)
                return -errno;
        peer->uid = credentials.uid;
        return 0;
}

int net_peer_from_fd(int fd, bool admin_door, struct net_peer *ret)
{
        union {
                struct sockaddr sa;
                struct sockaddr_in in;
                struct sockaddr_in6 in6;
                struct sockaddr_storage storage;
        } address = {0};
        socklen_t size = sizeof(address);
        struct net_peer peer = {.is_admin = admin_door, .uid = (uid_t)-1};
        int r;

        if (getpeername(fd, &address.sa, &size) < 0)
                return -errno;
        switch (address.sa.sa_family) {
        case AF_INET:
                r = describe_v4(&address.in, &peer);
                break;
        case AF_INET6:
                r = describe_v6(&address.in6, &peer);
                break;
        case AF_UNIX:
                r = describe_unix(fd, &peer);
                break;
        default:
                r = -EAFNOSUPPORT;
        }
        if (r < 0)
                return r;
        *ret = peer;
        return 0;
}

static void set_option(int fd, int level, int option, int value)
{
        /* Comfort only; a Unix socket knows none of these. */
        (void)setsockopt(fd, level, option, &value, sizeof(value));
}

void net_tune(int fd)
{
        set_option(fd, IPPROTO_TCP, TCP_NODELAY, 1);
        set_option(fd, SOL_SOCKET, SO_KEEPALIVE, 1);
        set_option(fd, IPPROTO_TCP, TCP_KEEPIDLE, KEEPALIVE_IDLE_SEC);
        set_option(fd, IPPROTO_TCP, TCP_KEEPINTVL, KEEPALIVE_INTERVAL_SEC);
        set_option(fd, IPPROTO_TCP, TCP_KEEPCNT, KEEPALIVE_PROBES);
}
