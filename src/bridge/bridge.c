/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */

#include <errno.h>
#include <string.h>

#include "base/alloc.h"
#include "base/str.h"
#include "bridge/bridge.h"
#include "bridge/session.h"
#include "bridge/session_request.h"
#include "service/files.h"
#include "service/log.h"
#include "service/log_ids.h"

#define QUIET_USEC                                                                                           \
        (200 * USEC_PER_MSEC)    /* product.md section 4: devices exist that never send a line end           \
                                  */
#define SERVE_MAX 256            /* sessions in one turn: a few milliseconds */
#define STATUS_USEC USEC_PER_SEC /* STATUS= is for people */

/* ---- Status ---- */

static void on_status(struct loop_timer *t)
{
        struct bridge *b = container_of(t, struct bridge, status_timer);

        service_status(b->service,
                       "%u clients, %u watches of %zu products; API %s%s; events %s; served %llu clients, "
                       "%llu requests, "
                       "%llu lines; %llu states skipped, %llu slow clients closed",
                       b->n_sessions, b->products.n_watches, b->products.products.n_entries,
                       b->upstream.is_up ? "up" : "away: ", b->upstream.why,
                       b->products.is_live ? "flow" : "away, polling", (unsigned long long)b->n_accepted,
                       (unsigned long long)b->n_requests, (unsigned long long)b->n_lines,
                       (unsigned long long)b->n_skipped, (unsigned long long)b->n_slow);
}

void bridge_note(struct bridge *b)
{
        if (!b->draining && !loop_timer_is_armed(&b->status_timer))
                (void)loop_timer_start(&b->status_timer, b->loop, STATUS_USEC, on_status);
}

static void on_upstream_changed(struct upstream *u)
{
        struct bridge *b = container_of(u, struct bridge, upstream);

        if (u->is_up) {
                log_notice("The product API answers again");
                product_book_retry(&b->products);
        } else
                log_warning("The product API at %s is away: %s", b->conf->products_url, u->why);
        bridge_note(b);
}

static void on_feed_changed(struct event_feed *f)
{
        struct bridge *b = container_of(f, struct bridge, feed);

        if (b->products.is_live)
                log_fields(LOG_NOTICE, LOG_FIELDS({"MESSAGE_ID", LOG_ID_BROKER_UP}), "Product events flow");
        else if (!b->draining)
                log_fields(LOG_WARNING, LOG_FIELDS({"MESSAGE_ID", LOG_ID_BROKER_DOWN}),
                           "No product events, polling: %s", mq_link_error(f->link));
        bridge_note(b);
}

bool bridge_allows_anonymous(const struct bridge *b, bool is_loopback)
{
        int allowed = b->conf->anonymous_read;

        return allowed == BRIDGE_ANONYMOUS_ALL || (allowed == BRIDGE_ANONYMOUS_LOOPBACK && is_loopback);
}

/* ---- Clients ---- */

static void on_accepted(struct net_acceptor *a, int fd, const struct net_peer *peer)
{
        session_open(container_of(a, struct bridge_door, acceptor), fd, peer);
}

static void on_serve(struct loop_task *t)
{
        struct bridge *b = container_of(t, struct bridge, serve);
        struct list_link *i;

        for (unsigned n = 0; n < SERVE_MAX && (i = list_first(&b->ready)); n++)
                session_serve(LIST_ENTRY(i, struct session, ready_link));
        if (!list_is_empty(&b->ready))
                loop_task_schedule(t);
        bridge_note(b);
}

static void on_quiet(struct expiry *x, struct expiry_entry *e)
{
        session_quiet(container_of(e, struct session, quiet));
}

static void on_silent(struct expiry *x, struct expiry_entry *e)
{
        session_silent(container_of(e, struct session, silent));
}

static void on_slow(struct expiry *x, struct expiry_entry *e)
{
        session_slow(container_of(e, struct session, slow));
}

/* ---- Start ---- */

/* As many clients as the configuration wants, or as there may be descriptors for. */
static unsigned clients_max(const struct bridge_conf *conf)
{
        uint64_t n = files_allow(conf->connections_max);

        if (n < conf->connections_max)
                log_warning("MaxConnections=%llu does not fit LimitNOFILE=: %llu it is",
                            (unsigned long long)conf->connections_max, (unsigned long long)n);
        return (unsigned)n;
}

static int open_door(struct bridge *b, const struct listen_socket *socket, unsigned open_max)
{
        struct bridge_door *d = &b->doors[b->n_doors];
        int r;

        d->bridge = b;
        d->is_tls = streq(socket->door->name, "tcps");
        if (d->is_tls && !b->tls) {
                r = net_tls_load(&b->tls);
                if (r < 0)
                        return log_error_errno(r,
                                               "Cannot load the credentials tls.crt and tls.key for %s: %m",
                                               socket->door->name);
        }
        r = net_acceptor_start(&d->acceptor, b->loop, socket->fd, false, open_max, on_accepted);
        if (r < 0)
                return log_error_errno(r, "Cannot watch the socket %s: %m", socket->door->name);
        b->n_doors++;
        return 0;
}

static int open_doors(struct bridge *b)
{
        const struct listen_set *set = service_listeners(b->service);
        unsigned open_max = clients_max(b->conf);
        int r;

        for (size_t i = 0; i < set->n_sockets; i++) {
                r = open_door(b, &set->sockets[i], open_max);
                if (r < 0)
                        return r;
        }
        return 0;
}

/* Events first: so that in the common case the queue is bound before the first client is read. */
static int start_parts(struct bridge *b)
{
        const struct bridge_conf *c = b->conf;
        int r;

        r = loop_task_init(&b->serve, b->loop, on_serve);
        if (r < 0)
                return log_error_errno(r, "Cannot set up the event loop: %m");
        r = upstream_init(&b->upstream, b->loop, c->products_url, c->products_ca_file,
                          (unsigned)c->upstream_connections, c->upstream_timeout_usec);
        if (r < 0)
                return log_error_errno(r, "Cannot set up the HTTP client: %m");
        b->upstream.changed = on_upstream_changed;
        r = event_feed_start(&b->feed, b->loop, &c->mq, &b->products, on_feed_changed);
        if (r < 0)
                return log_error_errno(r, "Cannot set up the link to RabbitMQ: %m");
        return open_doors(b);
}

static void bridge_free(void *daemon);

static int bridge_start(struct service *service, const void *conf, void **ret_daemon)
{
        struct bridge *b = new0(struct bridge, 1);
        const struct bridge_conf *c = conf;
        int r;

        if (!b)
                return log_error_errno(-ENOMEM, "Cannot start: %m");
        b->service = service;
        b->loop = service_loop(service);
        b->conf = c;
        list_init(&b->sessions);
        list_init(&b->ready);
        expiry_init(&b->quiet, b->loop, QUIET_USEC, on_quiet);
        expiry_init(&b->silent, b->loop, c->silent_client_usec, on_silent);
        expiry_init(&b->slow, b->loop, c->slow_client_usec, on_slow);
        bearer_book_init(&b->bearers, b->loop, &b->upstream);
        product_book_init(&b->products, b->loop, &b->upstream);
        r = start_parts(b);
        if (r < 0) {
                bridge_free(b);
                return r;
        }
        bridge_note(b);
        *ret_daemon = b;
        return 0;
}

/* ---- Later ---- */

/* Addresses of API and broker are used by what is running: they change with a restart, as bridge(8) says. */
static void bridge_reload(void *daemon, const void *conf)
{
        const struct bridge_conf *c = conf;
        struct bridge *b = daemon;

        b->conf = c;
        b->upstream.timeout_usec = c->upstream_timeout_usec;
        expiry_set_delay(&b->silent, c->silent_client_usec);
        expiry_set_delay(&b->slow, c->slow_client_usec);
        for (unsigned i = 0; i < b->n_doors; i++)
                net_acceptor_set_max(&b->doors[i].acceptor, clients_max(c));
        LIST_FOREACH (i, &b->sessions) {
                session_check_right(LIST_ENTRY(i, struct session, link));
        }
}

static void bridge_drain(void *daemon)
{
        struct bridge *b = daemon;

        b->draining = true;
        loop_timer_stop(&b->status_timer);
        for (unsigned i = 0; i < b->n_doors; i++)
                net_acceptor_stop(&b->doors[i].acceptor);
        LIST_FOREACH_SAFE (i, &b->sessions) {
                session_drain(LIST_ENTRY(i, struct session, link));
        }
}

static void bridge_free(void *daemon)
{
        struct bridge *b = daemon;

        if (!b)
                return;
        for (unsigned i = 0; i < b->n_doors; i++)
                net_acceptor_stop(&b->doors[i].acceptor);
        event_feed_stop(&b->feed);
        LIST_FOREACH_SAFE (i, &b->sessions) {
                session_free(LIST_ENTRY(i, struct session, link));
        }
        upstream_done(&b->upstream);
        product_book_done(&b->products);
        bearer_book_done(&b->bearers);
        expiry_done(&b->quiet);
        expiry_done(&b->silent);
        expiry_done(&b->slow);
        loop_task_done(&b->serve);
        loop_timer_done(&b->status_timer);
        b->tls = net_tls_free(b->tls);
        free(b);
}

static const struct listen_door bridge_doors[] = {
        {"tcp", LISTEN_STREAM_INET, .required = true},
        {"tcps", LISTEN_STREAM_INET},
        {},
};

const struct service_daemon bridge_daemon = {
        .word = "bridge",
        .summary = "Live product data for plain TCP clients",
        .tables = bridge_conf_tables,
        .conf_size = sizeof(struct bridge_conf),
        .doors = bridge_doors,
        .validate = bridge_conf_validate,
        .start = bridge_start,
        .reload = bridge_reload,
        .drain = bridge_drain,
        .free = bridge_free,
};
