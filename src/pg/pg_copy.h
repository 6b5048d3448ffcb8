/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */
#pragma once

/* A leased connection for work that is more than one statement: COPY in and out, transactions, cancel.
 *
 * Steps run one after another; each that was started ends with one done(). Closing cancels what runs and
 * gives the connection back, or closes it when a transaction was open, so that nothing of it remains. When
 * the connection is lost between two steps, the next one is refused with -ENOTCONN. Any call-back may close
 * the session. Leased connections have no statement_timeout: who leases also watches the clock. */

#include "pg/pg_query.h"
#include "service/loop.h"

/* Who has the connection: all of its I/O goes there. Private to pg/. */
struct pg_borrower {
        void (*ready)(struct pg_borrower *b, uint32_t revents);
        void (*lost)(struct pg_borrower *b, int error); /* the connection is gone already */
};

struct pg_session;
struct pg_session_handler {
        /* leased (0), or -ETIMEDOUT, -ENOTCONN, ... as pg_query.status */
        void (*ready)(struct pg_session *s, int status);
        /* the step ended: 0; -EIO: SQL error, see sqlstate; -ECONNRESET; the accessors below hold */
        void (*done)(struct pg_session *s, int status);
        /* COPY TO STDOUT: one line with its newline */
        void (*row)(struct pg_session *s, const char *data, size_t n);
        /* COPY FROM STDIN: send (more) */
        void (*writable)(struct pg_session *s);
};

struct pg_session {
        const struct pg_session_handler *handler; /* borrowed */
        char sqlstate[6];
        char error[160], error_context[160]; /* e.g. "COPY product_import, line 3, column price: ..." */
        uint64_t n_rows;                     /* command tag of the last step */
        /* private */
        struct pg_query lease;
        struct pg_borrower borrower;
        struct loop_task resume;
        void *connection, *result;
        enum {
                PG_SESSION_CLOSED,
                PG_SESSION_OPENING,
                PG_SESSION_IDLE,
                PG_SESSION_RUNNING,
                PG_SESSION_COPY_IN,
                PG_SESSION_COPY_OUT,
        } step;
        int status; /* of the step, so far */
        bool paused;
        size_t unflushed;
};

/* `s` is overwritten. `deadline_usec`: of the wait for a connection. 0: ready() follows; -EBUSY. */
int pg_session_open(struct pg_session *s, struct pg_pool *pool, usec_t deadline_usec,
                    const struct pg_session_handler *handler);
/* For all below, -ENOTCONN: there is no connection, or a step is running.
 * One SQL string without parameters, BEGIN/COMMIT included; may be COPY ... TO STDOUT or FROM STDIN. */
int pg_session_run(struct pg_session *s, const char *sql);
/* One statement with text parameters (NULL = SQL NULL). */
int pg_session_run_params(struct pg_session *s, const char *sql, unsigned n_params,
                          const char *const *params);
/* COPY in: 0; 1 = accepted, now wait for writable() before the next; -errno. */
int pg_session_copy_data(struct pg_session *s, const void *p, size_t n);
/* Ends COPY in; `abort_reason` NULL = success. done() follows. */
int pg_session_copy_end(struct pg_session *s, const char *abort_reason);
/* COPY out: no row() until resumed. */
void pg_session_pause(struct pg_session *s, bool paused);
size_t pg_session_rows(const struct pg_session *s);
const char *pg_session_text(const struct pg_session *s, size_t row, unsigned column);
/* No call-back after it; harmless when closed or zeroed. */
void pg_session_close(struct pg_session *s);
