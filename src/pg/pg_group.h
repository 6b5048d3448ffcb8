/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */
#pragma once

/* Calls of one SQL function, gathered while such a statement is under way and made by one: a commit and a
 * round trip for many.
 *
 * The statement's first parameter is a JSON array with the item of each member; it answers a row for each, in
 * their order. A group that the server refuses had no effect; its members are sent again, each alone, so that
 * none can spoil the others. Who comes when nothing is under way is sent at the end of that loop turn: to be
 * alone costs nothing. */

#include "base/list.h"
#include "pg/pg_query.h"

#define PG_GROUP_MAX 256 /* members of one statement: beyond, its own cost no longer matters */

struct pg_group_line;
struct pg_member;

struct pg_group_role { /* static const */
        struct pg_statement statement;
        /* How many are under way at once. 1: members take effect in the order of their submission. */
        unsigned running_max;
        /* Appends the item, one JSON value. */
        void (*write)(const struct pg_member *m, struct buf *out);
        /* Adds the parameters after the first; NULL: none. */
        void (*add_parameters)(void *context, struct pg_query *q);
        /* Before the members of a statement are called; NULL: nobody. */
        void (*ended)(void *context, const struct pg_query *q);
};

/* Once, from the loop. `q` has the status and what belongs to it, as of any query, and with 0 the member's
 * answer in `row`; valid during the call, in which the member may be cancelled, freed or submitted again. */
typedef void (*pg_member_fn)(struct pg_member *m, const struct pg_query *q, size_t row);

struct pg_member { /* embedded in the operation, zeroed before */
        /* private */
        pg_member_fn complete;
        struct pg_group_line *line;
        usec_t deadline_usec;
        struct list_link link;    /* waits */
        struct pg_member **place; /* in its group */
        bool is_alone;            /* after its group was refused */
};

/* Role, context and pool are borrowed; the lane is WRITE. */
int pg_group_line_new(struct pg_group_line **ret, sd_event *loop, struct pg_pool *pool,
                      const struct pg_group_role *role, void *context);
/* What still waits or runs is forgotten without a call. */
struct pg_group_line *pg_group_line_free(struct pg_group_line *l);
/* How many members wait for their group. */
size_t pg_group_line_waiting(const struct pg_group_line *l);
/* Nothing waits and nothing is under way: who comes now is sent at the end of this turn, and alone. */
bool pg_group_line_is_idle(const struct pg_group_line *l);

/* What the item is written from stays until the call or the cancelling. deadline: CLOCK_MONOTONIC,
 * USEC_INFINITY for none. 0; -EBUSY: too many wait. */
int pg_member_submit(struct pg_member *m, struct pg_group_line *l, usec_t deadline_usec,
                     pg_member_fn complete);
/* No call after it; harmless when not under way, and on a zeroed member. What was sent may happen all the
 * same. */
void pg_member_cancel(struct pg_member *m);
