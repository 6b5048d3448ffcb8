/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */
#include "web/web_doors.h"

#include <errno.h>

#include "base/str.h"
#include "service/log.h"

/* 1: served; 0: not for HTTP; -errno. */
static int open_door(struct http_server *server, const struct listen_socket *s, struct net_tls **tls)
{
        bool is_tls = streq(s->door->name, "https"), is_admin = streq(s->door->name, "admin");
        int r;

        if (!is_tls && !is_admin && !streq(s->door->name, "http"))
                return 0;
        if (is_tls && !*tls) {
                r = net_tls_load(tls);
                if (r < 0)
                        return log_error_errno(
                                r, "The https socket needs the credentials tls.crt and tls.key: %m");
        }
        r = http_server_listen(server, s->fd, is_admin, is_tls ? *tls : NULL);
        if (r < 0)
                return log_error_errno(r, "Cannot serve the socket %s: %m", s->door->name);
        return 1;
}

int web_doors_open(struct http_server *server, struct service *service, struct net_tls **tls)
{
        const struct listen_set *set = service_listeners(service);
        unsigned n_served = 0;
        int r;

        for (size_t i = 0; i < set->n_sockets; i++) {
                r = open_door(server, &set->sockets[i], tls);
                if (r < 0)
                        return r;
                n_served += (unsigned)r;
        }
        if (n_served == 0)
                return log_error_errno(-ENOENT,
                                       "No socket to serve: start the daemon's socket units, not this");
        return 0;
}
