/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */
#pragma once

/* One statement as a job, embedded in the operation that wants its result.
 *
 *         pg_query_init(&op->query, &product_find_statement, on_found);
 *         pg_query_text(&op->query, code);
 *         r = pg_query_submit(&op->query, pool, PG_LANE_READ, http_request_deadline(req));
 *
 * Submit never calls back: a negative errno now, or `complete` later from the loop, exactly once. The result
 * lives until pg_query_done(). Parameters and results are in text format; parameters are copied. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/list.h"
#include "pg/pg_pool.h"

#define PG_PARAMS_MAX 16

struct pg_statement {     /* static const: its address is its identity */
        const char *name; /* unique per program, the server-side prepared name. NULL: never prepared, for
                           * texts that vary, such as lists; such a statement and its text outlive the job */
        const char *sql;
};

struct pg_query;
typedef void (*pg_query_fn)(struct pg_query *q);

struct pg_query {
        const struct pg_statement *statement; /* borrowed */
        pg_query_fn complete;
        int status; /* 0; -ETIMEDOUT; -ECANCELED; -ECONNRESET (outcome unknown if it wrote); -ENOTCONN (never
                     * sent: safe to say 503); -ESTALE, -EPROTONOSUPPORT (schema); -EIO: SQL error, see
                     * sqlstate; -ENOMEM */
        char sqlstate[6];
        char error[160]; /* the server's primary message; for logs, not for clients */
        bool was_sent;   /* bytes went to the server: after a loss the outcome is unknown */
        /* private */
        enum { PG_QUERY_IDLE, PG_QUERY_WAITING, PG_QUERY_SENT, PG_QUERY_SETTLING } state;
        enum pg_lane lane;
        struct list_link link;
        struct pg_pool *pool;
        void *connection, *result;
        unsigned slot; /* of the connection's pipeline */
        void *lent;    /* the connection, for a query without statement: a lease */
        unsigned attempts;
        bool alone; /* in a group of its own */
        usec_t deadline_usec;
        unsigned n_params;
        int offsets[PG_PARAMS_MAX]; /* into the parameters' text, -1 = NULL */
        unsigned n_small;
        char small[64]; /* spares the commonest queries an allocation */
        struct buf params;
};

/* A zeroed query or one that was used before: what that one held is freed. */
void pg_query_init(struct pg_query *q, const struct pg_statement *statement, pg_query_fn complete);
void pg_query_text(struct pg_query *q, const char *value); /* NULL is SQL NULL */
void pg_query_text_n(struct pg_query *q, const char *value, size_t n);
void pg_query_int(struct pg_query *q, int64_t value);
void pg_query_bool(struct pg_query *q, bool value);
void pg_query_bytes(struct pg_query *q, const void *p, size_t n); /* bytea, hex format */
void pg_query_null(struct pg_query *q);

/* deadline: CLOCK_MONOTONIC usec, USEC_INFINITY for none. 0; -ENOMEM; -EBUSY: too many wait. A statement that
 * was rolled back by 40P01 or 40001 is retried here, at most 5 times, within the deadline. */
int pg_query_submit(struct pg_query *q, struct pg_pool *pool, enum pg_lane lane, usec_t deadline_usec);
/* The job never calls back after this. On a shared lane the late result is read and dropped; an exclusive one
 * is cancelled at the server. Harmless when not in flight. */
void pg_query_cancel(struct pg_query *q);
/* Cancels, frees result and parameters; safe on a zeroed query. */
void pg_query_done(struct pg_query *q);

/* SQL errors that say "not now" rather than "never": resources, locks, cancelled or shutting down. */
bool pg_sqlstate_is_passing(const char *sqlstate);

size_t pg_query_rows(const struct pg_query *q);
bool pg_row_is_null(const struct pg_query *q, size_t row, unsigned column);
const char *pg_row_text(const struct pg_query *q, size_t row, unsigned column); /* "" for NULL */
size_t pg_row_size(const struct pg_query *q, size_t row, unsigned column);
int64_t pg_row_int(const struct pg_query *q, size_t row, unsigned column);
bool pg_row_bool(const struct pg_query *q, size_t row, unsigned column);
