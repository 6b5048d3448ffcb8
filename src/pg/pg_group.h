/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */
#pragma once

/* Calls of one SQL function, gathered while such a statement is under way and made by one: a commit and a
 * round trip for many.
 *
 * The statement takes one parameter, a JSON array with the item of each member, and answers a row for each,
 * in their order. A group that the server refuses had no effect; its members are sent again, each alone, so
 * that none can spoil the others. Who comes when nothing is under way is sent at the end of that loop turn:
 * to be alone costs nothing. */

#include "base/list.h"
#include "pg/pg_query.h"

#define PG_GROUP_MAX 64

struct pg_group_line;
struct pg_member;

/* Once, from the loop. `q` has the status, as of any query, and with 0 the member's answer in `row`; both are
 * valid during the call, in which the member may be done or submitted again. */
typedef void (*pg_member_fn)(struct pg_member *m, const struct pg_query *q, size_t row);

struct pg_member { /* embedded in the operation, zeroed before */
        /* private */
        pg_member_fn complete;
        struct pg_group_line *line;
        struct buf item;
        usec_t deadline_usec;
        struct list_link link;    /* waits */
        struct pg_member **place; /* in its group */
        bool is_alone;            /* after its group was refused */
};

/* Statement and pool are borrowed; the lane is WRITE. */
int pg_group_line_new(struct pg_group_line **ret, sd_event *loop, struct pg_pool *pool,
                      const struct pg_statement *statement);
/* What still waits or runs is forgotten without a call. */
struct pg_group_line *pg_group_line_free(struct pg_group_line *l);

/* Takes the item, one JSON value, also when it fails. 0; -ENOMEM; -EBUSY: too many wait. The deadline is kept
 * roughly: who waits behind a statement that hangs is late by as much as that is. */
int pg_member_submit(struct pg_member *m, struct pg_group_line *l, struct buf *item, usec_t deadline_usec,
                     pg_member_fn complete);
/* No call after it; harmless when not under way, and on a zeroed member. What was sent may happen all the
 * same. */
void pg_member_cancel(struct pg_member *m);
