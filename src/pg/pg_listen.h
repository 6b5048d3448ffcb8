/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */
#pragma once

/* LISTEN on one channel: a connection of its own, since notifications must not wait behind queries.
 *
 * Notifications sent while there was no connection are lost: `connected` says "look at the tables now". It
 * needs no schema. Reconnects with jittered back-off (100 ms .. 5 s) for ever; embedded in its owner. */

#include "pg/pg_pool.h"

struct pg_listen_link; /* the connection; private */

struct pg_listen {
        /* Set before start. All run from the loop, may stop the listener (its struct outlives the call), may
         * be NULL. */
        void (*notified)(struct pg_listen *l, const char *payload); /* "" without a payload; borrowed */
        void (*connected)(struct pg_listen *l); /* LISTEN is in effect, also after each reconnect */
        void (*lost)(struct pg_listen *l);      /* was connected, is not any more */
        /* private */
        struct pg_listen_link *link;
};

/* Starts connecting. `conf` is read now and need not outlive the call; `channel` is an SQL name without need
 * for quotes ([a-z_][a-z0-9_]*). 0; -EINVAL; -ENOMEM. */
int pg_listen_start(struct pg_listen *l, sd_event *loop, const struct pg_conf *conf,
                    const char *application_name, const char *channel);
/* No call-back after this; harmless when not started. */
void pg_listen_stop(struct pg_listen *l);
bool pg_listen_is_connected(const struct pg_listen *l);
