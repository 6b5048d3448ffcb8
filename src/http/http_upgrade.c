/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */

/* Connections that leave HTTP (RFC 9110 section 7.8).
 *
 * MHD keeps its memory for a connection, several kilobytes, for as long as it knows of it. So we keep a
 * duplicate of its descriptor and let it forget the connection.
 *
 * MHD hands the socket over inside MHD_run(), and must not be told there that it may forget it: both the
 * handler's part and ours wait for the server's kick. */

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>

#include "base/alloc.h"
#include "base/fd.h"
#include "http/http_internal.h"

struct http_tunnel {
        struct list_link link; /* in upgraded, until the handler was told */
        struct http_server *server;
        struct http_request *request; /* while linked */
        struct MHD_UpgradeResponseHandle *mhd;
        int fd; /* owned */
        struct buf early;
};

static void let_mhd_forget(struct http_tunnel *t)
{
        if (!t->mhd)
                return;
        (void)MHD_upgrade_action(t->mhd, MHD_UPGRADE_ACTION_CLOSE);
        t->mhd = NULL;
        t->server->port.wants_run = true;
        http_server_kick(t->server);
}

struct http_tunnel *http_tunnel_close(struct http_tunnel *t)
{
        if (!t)
                return NULL;
        list_remove(&t->link);
        t->fd = fd_close(t->fd);
        let_mhd_forget(t);
        buf_done(&t->early);
        free(t);
        return NULL;
}

int http_tunnel_fd(const struct http_tunnel *t)
{
        return t->fd;
}

static void on_upgraded(void *cls, struct MHD_Connection *mhd, void *context, const char *early,
                        size_t early_size, MHD_socket fd, struct MHD_UpgradeResponseHandle *handle)
{
        struct http_request *r = cls;
        struct http_tunnel *t = TAKE_PTR(r->tunnel);
        int flags;

        t->request = r;
        t->mhd = handle;
        t->fd = fcntl(fd, F_DUPFD_CLOEXEC, 0);
        flags = t->fd >= 0 ? fcntl(t->fd, F_GETFL) : -1;
        if (flags >= 0 && !(flags & O_NONBLOCK))
                (void)fcntl(t->fd, F_SETFL, flags | O_NONBLOCK);
        buf_append(&t->early, early, early_size);
        list_append(&r->server->upgraded, &t->link);
        http_server_kick(r->server);
}

/* The request is alive until MHD has run again. */
static void hand_over(struct http_tunnel *t)
{
        struct http_request *r = TAKE_PTR(t->request);
        struct buf early = t->early;

        list_remove(&t->link);
        if (t->fd < 0 || buf_error(&early) < 0) {
                http_tunnel_close(t);
                return;
        }
        t->early = BUF_EMPTY;
        let_mhd_forget(t);
        r->upgraded(r, t, buf_bytes(&early), buf_size(&early));
        buf_done(&early);
}

void http_upgrade_run(struct http_server *s)
{
        struct list_link *i;

        while ((i = list_first(&s->upgraded)))
                hand_over(LIST_ENTRY(i, struct http_tunnel, link));
}

void http_upgrade_stop(struct http_server *s)
{
        struct list_link *i;

        while ((i = list_first(&s->upgraded)))
                http_tunnel_close(LIST_ENTRY(i, struct http_tunnel, link));
}

int http_reply_upgrade(struct http_request *r, const char *protocol, http_upgraded_fn upgraded)
{
        struct MHD_Response *response;

        r->tunnel = new0(struct http_tunnel, 1);
        if (!r->tunnel)
                return -ENOMEM;
        r->tunnel->server = r->server;
        r->tunnel->fd = -1;
        response = MHD_create_response_for_upgrade(on_upgraded, r);
        if (!response)
                return -ENOMEM;
        r->upgraded = upgraded;
        http_reply_header(r, "Upgrade", protocol);
        http_reply_response(r, MHD_HTTP_SWITCHING_PROTOCOLS, response, NULL);
        return 0;
}
