/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */

/* From what a daemon says of itself to requests, and back to nothing. */

#include <errno.h>

#include "base/str.h"
#include "service/log.h"
#include "web/web_backend.h"

static void describe(struct web *w, struct service *service, struct web_backend *b,
                     const struct web_setup *setup)
{
        w->service = service;
        w->pool = b->pool;
        w->auth = setup->auth;
        w->dependencies = web_backend_dependencies;
        w->dependency_context = b;
        w->schemas = setup->schemas;
        w->metrics = setup->metrics;
}

/* 1: served; 0: not for HTTP; -errno. */
static int open_door(struct web *w, const struct listen_socket *s)
{
        bool is_tls = streq(s->door->name, "https"), is_admin = streq(s->door->name, "admin");
        int r;

        if (!is_tls && !is_admin && !streq(s->door->name, "http"))
                return 0;
        if (is_tls && !w->tls) {
                r = net_tls_load(&w->tls);
                if (r < 0)
                        return log_error_errno(
                                r, "The https socket needs the credentials tls.crt and tls.key: %m");
        }
        r = http_server_listen(w->server, s->fd, is_admin, is_tls ? w->tls : NULL);
        if (r < 0)
                return log_error_errno(r, "Cannot serve the socket %s: %m", s->door->name);
        return 1;
}

static int open_doors(struct web *w)
{
        const struct listen_set *set = service_listeners(w->service);
        unsigned n_served = 0;
        int r;

        for (size_t i = 0; i < set->n_sockets; i++) {
                r = open_door(w, &set->sockets[i]);
                if (r < 0)
                        return r;
                n_served += (unsigned)r;
        }
        if (n_served == 0)
                return log_error_errno(-ENOENT,
                                       "No socket to serve: start the daemon's socket units, not this");
        return 0;
}

int web_open(struct web *w, struct service *service, struct web_backend *b, const struct web_setup *setup)
{
        const struct http_server_setup server = {
                .routes = setup->routes,
                .context = w,
                .guard = web_guard,
                .conf = setup->http,
        };
        int r;

        describe(w, service, b, setup);
        r = http_server_new(&w->server, service, &server);
        if (r < 0)
                return log_error_errno(r, "Cannot set up the HTTP server: %m");
        return open_doors(w);
}

void web_reload(struct web *w, const struct auth_conf *auth, const struct http_conf *http)
{
        w->auth = auth;
        http_server_reload(w->server, http);
}

void web_drain(struct web *w)
{
        http_server_drain(w->server);
}

void web_close(struct web *w)
{
        w->server = http_server_free(w->server);
        w->hasher = auth_hasher_free(w->hasher);
        net_tls_free(TAKE_PTR(w->tls));
}
