/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */
#pragma once

/* Sessions of streams that stay open: looked up every AUTH_WATCH_USEC, many in one statement and each once
 * however many streams it has, so that a stream can end within 5 s of the end of its session.
 *
 * While the database cannot be asked nobody is told that his session ended, but nothing may be sent either on
 * the strength of a look that began AUTH_WATCH_FRESH_USEC ago: auth_hold_is_fresh(). */

#include "auth/auth.h"
#include "base/list.h"
#include "base/map.h"

#define AUTH_WATCH_USEC (2 * USEC_PER_SEC)
#define AUTH_WATCH_FRESH_USEC (5 * USEC_PER_SEC)

struct auth_watch {
        sd_event *loop;         /* borrowed */
        struct pg_pool *pool;   /* borrowed */
        struct map sessions;    /* by hash */
        struct list due, asked; /* in this round: to be asked about, being asked about */
        struct pg_query query;
        struct loop_timer timer;
        usec_t asked_usec;
        bool is_asking;
};

void auth_watch_init(struct auth_watch *w, sd_event *loop, struct pg_pool *pool);
/* No hold may be left. */
void auth_watch_done(struct auth_watch *w);

struct auth_session;

/* One stream; embedded. Zeroed = nothing is watched, which is always fresh: an anonymous reader. */
struct auth_hold {
        /* From the loop: `ended`, or the first good look after the hold had gone stale. The hold may be
         * dropped there. */
        void (*told)(struct auth_hold *h, bool ended);
        /* private */
        struct auth_session *session;
        struct list_link link;
        unsigned scope;
};

/* The token has just been checked, for `scope`. 0; -EINVAL: not a token; -ENOMEM. */
int auth_hold_take(struct auth_hold *h, struct auth_watch *w, const char *token, unsigned scope,
                   void (*told)(struct auth_hold *h, bool ended));
void auth_hold_drop(struct auth_hold *h);
/* `to` takes the place of `from`, which is empty then. */
void auth_hold_move(struct auth_hold *to, struct auth_hold *from,
                    void (*told)(struct auth_hold *h, bool ended));
bool auth_hold_is_fresh(const struct auth_hold *h);
