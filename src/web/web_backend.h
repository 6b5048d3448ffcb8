/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */
#pragma once

/* The servers behind an HTTP daemon: pool, link and relay, opened and closed together. Tells the journal and
 * STATUS= when one of them comes or goes, and answers for them in /readyz and /metrics.
 *
 *         d->web.dependencies = web_backend_dependencies;
 *         d->web.dependency_context = &d->backend;
 */

#include "events/event_relay.h"
#include "web/web.h"

struct web_backend {
        struct service *service; /* borrowed */
        struct pg_pool *pool;    /* owned, as the next two */
        struct mq_link *link;
        struct event_relay *relay;
        /* Either server came or went; after it was told. May be NULL. */
        void (*changed)(struct web_backend *b);
        /* private */
        struct pg_pool_watch pool_watch;
        struct mq_link_watch link_watch;
        struct loop_timer head_start; /* the database's, before the broker's */
        bool link_is_started;
        struct log_limit pool_limit, link_limit;
};

struct web_backend_setup {
        const char *name; /* for the database's list of connections: "lonja-products" */
        const struct pg_conf *database;
        const struct mq_conf *broker;
        const struct mq_topology *topology; /* holds lonja.events; outlives the backend */
        bool consumes;                      /* the link's second connection */
};

/* Logs what it returns. `b` was zeroed but for `changed`; a failure leaves it fit to be closed. */
int web_backend_open(struct web_backend *b, struct service *service, const struct web_backend_setup *setup);
/* After the server that has requests in flight; safe on a zeroed one. */
void web_backend_close(struct web_backend *b);
/* STATUS= anew, as after the start. */
void web_backend_tell(struct web_backend *b);

extern const struct web_dependency web_backend_dependencies[]; /* their context: the backend */
/* What the relay and the link have to say in /metrics; the pool's lines are there anyway. */
void web_backend_metrics(const struct web_backend *b, struct buf *out);
