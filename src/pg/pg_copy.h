/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */
#pragma once

/* A leased connection for work that is more than one statement: COPY in and out, transactions, cancel.
 *
 * Steps run one after another; each ends with `complete(session, status)`. Closing cancels what runs
 * (PQcancel on a helper thread, since it blocks) and gives the connection back, rolled back when a
 * transaction was open. */

#include "pg/pg_query.h"

struct pg_session;
struct pg_session_handler {
        void (*ready)(struct pg_session *s,
                      int status); /* leased (0), or -ETIMEDOUT, -ENOTCONN, ... as pg_query.status */
        void (*done)(struct pg_session *s,
                     int status); /* the step ended; session->query-like accessors below hold */
        void (*row)(struct pg_session *s, const char *data,
                    size_t n);                  /* COPY TO STDOUT: one line with its newline */
        void (*writable)(struct pg_session *s); /* COPY FROM STDIN: send more */
};

struct pg_session {
        const struct pg_session_handler *handler; /* borrowed */
        char sqlstate[6];
        char error[160], error_context[160]; /* e.g. "COPY product_import, line 3, column price: ..." */
        uint64_t n_rows;                     /* command tag of the last step */
        /* private */
        struct pg_query lease;
        void *connection, *result;
        int step;
        bool paused;
};

int pg_session_open(struct pg_session *s, struct pg_pool *pool, usec_t deadline_usec,
                    const struct pg_session_handler *handler);
/* One SQL string without parameters, BEGIN/COMMIT included; may be COPY ... TO STDOUT or FROM STDIN. */
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
void pg_session_close(struct pg_session *s);
