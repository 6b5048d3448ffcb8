/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */
#pragma once

/* The pool's inside: one line of waiting jobs and the connections that serve it, for each lane. Private to
 * pg/. */

#include "pg/pg_conn.h"

struct pg_line {
        struct list waiting;
        uint64_t n_waiting;
        struct pg_params params;
        struct pg_conn *conns; /* owned */
        unsigned n_conns, depth, grow_at;
};

struct pg_pool {
        sd_event *loop;              /* shared */
        struct pg_pool_watch *watch; /* borrowed */
        struct pg_line lines[3];
        uint64_t waiting_max;
        usec_t statement_timeout_usec;
        enum pg_state state;
        bool was_told; /* the watch knows a state */
        bool wanted;   /* by a job or warm(): keeps one connection for reads from then on */
        bool closing;
        unsigned n_failures; /* connects in a row */
        char error[160];
        struct loop_task dispatch, tell;
        struct loop_timer reconnect, deadlines;
        usec_t deadline_at; /* what `deadlines` is armed for */
        uint64_t n_jobs, n_failed, n_reconnects;
};

/* Of the pool: */
usec_t pg_pool_now(const struct pg_pool *p);
/* Looks at all deadlines at this time at the latest. */
void pg_pool_need_timer(struct pg_pool *p, usec_t at);
/* No connect until the back-off is over. */
void pg_pool_hold_back(struct pg_pool *p);

/* Of a line: */
int pg_line_init(struct pg_pool *p, enum pg_lane which, const struct pg_conf *conf,
                 const char *application_name, const struct pg_conn_handler *handler);
/* All jobs, waiting or sent, complete with -ECANCELED; the connections are closed. */
void pg_line_end(struct pg_line *line);
void pg_line_done(struct pg_line *line);
/* To the end of its line, in whatever state it was; the dispatch follows. */
void pg_line_enqueue(struct pg_query *q);
void pg_line_refuse(struct pg_line *line, int status);
void pg_line_dispatch(struct pg_line *line, usec_t now);
/* Opens a connection if the line needs one. `keep`: one even if nobody waits. */
void pg_line_grow(struct pg_pool *p, struct pg_line *line, usec_t now, bool keep);
/* Moves what is overdue into the lists and gives up connections that are dead; returns when to look again. */
usec_t pg_line_take_overdue(struct pg_pool *p, struct pg_line *line, usec_t now, struct list *waiting,
                            struct list *sent);
static inline bool pg_conn_is_open(const struct pg_conn *c)
{
        return c->state != PG_CONN_CLOSED;
}
