/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */
#pragma once

/* PostgreSQL in the loop: a pool of pipelined connections in three lanes.
 *
 *   READ       pipelined, shared, for statements that only read (the server enforces it: 25006 otherwise);
 *              they never queue behind writes and are sent again when their connection was lost
 *   WRITE      pipelined, shared, several connections for group commit: one statement = one implicit
 *              transaction, complete when its commit is
 *   EXCLUSIVE  leased to one query or session at a time: COPY, export, adjust-prices, whatever may wait on a
 *              lock or be cancelled
 *
 * Connections are opened as the load asks for them. Each checks the schema version after connecting and
 * prepares statements when first used. On loss, the writes in flight complete with -ECONNRESET and the
 * connection comes back with jittered back-off (100 ms .. 5 s); waiting jobs wait until their deadline.
 * Section [Database]; the password comes by the credential database.password. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/list.h"
#include "service/conf.h"
#include "service/loop.h"

struct pg_conf {
        char *conninfo; /* Conninfo=dbname=lonja : libpq keywords or URI; a password comes by credential */
        uint64_t read_connections;      /* ReadConnections=2 */
        uint64_t write_connections;     /* WriteConnections=4 */
        uint64_t exclusive_connections; /* ExclusiveConnections=2, opened on demand, closed after 60 s unused
                                         */
        uint64_t waiting_max;           /* WaitingMax=10000 jobs per lane; beyond: -EBUSY */
        usec_t statement_timeout_usec;  /* StatementTimeoutSec=30, shared lanes */
};
extern const struct conf_option pg_options[];

enum pg_lane { PG_LANE_READ, PG_LANE_WRITE, PG_LANE_EXCLUSIVE };

enum pg_state {
        PG_DOWN, /* no connection */
        PG_UP,
        PG_SCHEMA_PENDING, /* older than SCHEMA_VERSION: jobs wait to their deadline, then -ESTALE */
        PG_SCHEMA_TOO_NEW, /* jobs fail at once with -EPROTONOSUPPORT */
};

struct pg_pool;

struct pg_pool_watch {
        /* On change, and when the first connect failed; for logs, STATUS=, readiness. */
        void (*changed)(struct pg_pool_watch *w, enum pg_state state);
};

/* `watch` borrowed, may be NULL. Connects when the first job comes, or by pg_pool_warm(). */
int pg_pool_new(struct pg_pool **ret, sd_event *loop, const struct pg_conf *conf,
                const char *application_name, struct pg_pool_watch *watch);
/* Jobs still in flight complete with -ECANCELED from here (the one place where that happens outside the
 * loop). Not to be called from a completion. */
struct pg_pool *pg_pool_free(struct pg_pool *p);
DEFINE_FREEP(struct pg_pool, pg_pool_free)
/* Begins with the first connection, at once; without a call-back. */
void pg_pool_warm(struct pg_pool *p);
enum pg_state pg_pool_state(const struct pg_pool *p);
/* The newest text that says why the pool is down, for people ("" when up). */
const char *pg_pool_error(const struct pg_pool *p);

struct pg_pool_metrics {
        uint64_t n_jobs, n_failed, n_reconnects, n_waiting, n_in_flight, n_connected;
};
void pg_pool_metrics(const struct pg_pool *p, struct pg_pool_metrics *ret);
