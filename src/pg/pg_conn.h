/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */
#pragma once

/* One connection of the pool: its pipeline of jobs, or its lease to a session. Private to pg/.
 *
 *     CLOSED --open--> CONNECTING --> CHECKING --schema fits--> READY <--lend/give back--> LENT
 *        ^                               ^  |
 *        |                         again |  v  older or newer
 *        +---- lost, from anywhere ---- WRONG_SCHEMA
 */

#include "pg/pg_copy.h"
#include "pg/pg_link.h"
#include "pg/pg_prepared.h"
#include "pg/pg_query.h"

enum pg_conn_state {
        PG_CONN_CLOSED,
        PG_CONN_CONNECTING,
        PG_CONN_CHECKING,
        PG_CONN_WRONG_SCHEMA,
        PG_CONN_READY,
        PG_CONN_LENT,
};

struct pg_conn;
struct pg_conn_handler {
        void (*changed)(struct pg_conn *c);                     /* the state; CLOSED: link.error says why */
        void (*requeue)(struct pg_conn *c, struct pg_query *q); /* certainly without effect: send it again */
        void (*vacant)(struct pg_conn *c);                      /* there is room in the pipeline */
};

struct pg_slot;
struct pg_conn {
        struct pg_link link;
        const struct pg_conn_handler *handler; /* borrowed, as the next three */
        struct pg_pool *pool;
        const struct pg_params *params;
        sd_event *loop;
        enum pg_lane lane;
        enum pg_conn_state state;
        int schema_version;    /* found at the last check; -1: none yet */
        struct pg_slot *slots; /* owned ring; [head, tail) by sequence number */
        unsigned capacity, head, tail;
        unsigned n_jobs;      /* queries under way, abandoned ones included */
        bool group_open;      /* something was sent without a sync behind it */
        bool touched;         /* to be flushed at the end of this dispatch */
        usec_t progress_usec; /* when the server was last known to be alive */
        struct pg_prepared prepared;
        struct pg_borrower *borrower; /* borrowed, with LENT */
        struct loop_timer timer;      /* next schema check; end of an unused exclusive connection */
};

int pg_conn_open(struct pg_conn *c);
/* Ends the connection as if it had been lost; `error` is what its jobs complete with. */
void pg_conn_lose(struct pg_conn *c, int error, const char *reason);
/* Frees what a closed connection still owns. */
void pg_conn_done(struct pg_conn *c);

/* READY; and a read may follow the first look at the schema without waiting for what that finds: if it is not
 * the one that the read was written for, its result counts for nothing and it goes back into the line. */
static inline bool pg_conn_takes_jobs(const struct pg_conn *c)
{
        return c->state == PG_CONN_READY ||
               (c->state == PG_CONN_CHECKING && c->lane == PG_LANE_READ && c->schema_version < 0);
}

/* Only what takes jobs. Puts the job into the pipeline; nothing is promised to leave before
 * pg_conn_end_group(). 0; -EINVAL, -ENOMEM, -ECONNRESET: not taken. */
int pg_conn_send(struct pg_conn *c, struct pg_query *q);
/* Ends the group of this dispatch and flushes. 0 or -ECONNRESET. */
int pg_conn_end_group(struct pg_conn *c);
/* Empties the job's slot: its result will be read and dropped. On an exclusive connection the statement is
 * cancelled and the connection closed. */
void pg_conn_forget(struct pg_conn *c, struct pg_query *q);
/* The jobs in the pipeline, one by one: start with *cursor = 0; NULL ends. */
struct pg_query *pg_conn_next_job(const struct pg_conn *c, unsigned *cursor);

/* READY, without jobs: out of pipeline mode. 0 or -ECONNRESET. */
int pg_conn_lend(struct pg_conn *c);
/* Idle and outside a transaction: back into the pool; else it is cancelled and closed. */
void pg_conn_give_back(struct pg_conn *c);

/* The pool's counters, and -EBUSY's basis: `status` of a job that ends. */
void pg_pool_count(struct pg_pool *p, int status);

/* Fills the outcome from a libpq result. */
void pg_query_set_error(struct pg_query *q, const PGresult *res);
/* Completes: the one way in which a job ends. */
void pg_query_settle(struct pg_query *q, int status);
/* Settles a list of jobs whose state is SETTLING. */
void pg_query_settle_all(struct list *jobs, int status);
