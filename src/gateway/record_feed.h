/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */
#pragma once

/* Records as they come, for those who watch.
 *
 * Totals are dense and in the order of the commits, so whoever knows the last one that he has seen misses
 * nothing by asking for those after it; an event is but a reason to look. The relay gives that reason: it
 * looks for events of all processes, each second and after each commit of this one.
 *
 *     STARTING --first look: placed()--> READY --a page has nothing new--> IDLE --the head moved--> READY
 *                                          | take() says wait
 *                                          v
 *                                       BLOCKED --record_watch_go_on()--> READY
 *
 * One page is read at a time, after the place of the first who is READY, and served to everyone whose place
 * it reaches: those who are up to date share their looks, others take turns. Nothing is kept for anybody: who
 * is BLOCKED reads on from his place later. */

#include "base/list.h"
#include "events/event_relay.h"
#include "gateway/record_store.h"

#define RECORD_FROM_NOW ((int64_t)-1)

struct record_feed {
        struct pg_pool *pool;      /* borrowed, as the next */
        struct event_relay *relay; /* outlives it */
        struct event_relay_watch turns;
        struct list ready, idle; /* of record_watch; who is BLOCKED is in none */
        struct pg_query query;
        int64_t after; /* which the page under way is read */
        int64_t head;  /* of the events, as last heard */
        bool is_reading, is_stale, wants_retry;
        uint64_t n_watches, n_pages; /* for metrics */
};

void record_feed_start(struct record_feed *f, struct pg_pool *pool, struct event_relay *relay);
/* No watch may be left. */
void record_feed_stop(struct record_feed *f);

struct record_watch { /* embedded, zeroed before */
        /* All run from the loop; none may stop a watch. */
        /* The stream begins after `position`. */
        void (*placed)(struct record_watch *w);
        /* 0: taken; 1: taken, no more until record_watch_go_on(); -EAGAIN: not taken, to be offered again
         * with the next look; another negative errno: no more at all. */
        int (*take)(struct record_watch *w, const struct record_view *record);
        /* There are only `last` records, fewer than it has seen; no more comes. */
        void (*lost)(struct record_watch *w, int64_t last);
        int64_t position; /* the last total that it has seen; RECORD_FROM_NOW: begins with the next */
        /* private */
        struct record_feed *feed;
        struct list_link link;
        uint64_t look; /* the first page that may be shown to it: asked for after it came */
        bool is_placed;
};

/* `position` says where to begin. */
void record_watch_start(struct record_watch *w, struct record_feed *f);
void record_watch_go_on(struct record_watch *w);
/* Harmless when it was not started. */
void record_watch_stop(struct record_watch *w);
