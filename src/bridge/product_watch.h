/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */
#pragma once

/* One watched product, however many clients watch it: one conditional GET per change or interval, one encoded
 * answer.
 *
 *              +--------200---------+                 what watchers are told:
 *              v                    |
 *     NEW --200--> SHOWN --404--> ABSENT              JSON+PRODUCT+{...}, ERROR+PRODUCT+{404}
 *      |             |               |
 *      +--no answer, twice running---+--> AWAY        ERROR+PRODUCT+{503}; any answer leads back
 *
 * A GET is caused by
 *   - the first watcher, and a watcher who must not be told what may be old (once=true; no events flow);
 *   - an event with a version above what is known. One that arrives during a GET causes another after it,
 * unless that GET brought the event's version or a later one;
 *   - the tick: the smallest interval among the watchers, counted from the last tick or change;
 *   - the event feed's (re)start: what happened meanwhile is unknown;
 *   - a failure: at once the first time (a daemon that restarts), then with back-off.
 * There is never more than one under way for a product.
 *
 * A watcher's line is due when the state has changed, and at the last tick that comes before its interval is
 * over. So a watcher is told at least every interval, phases of watchers align, and no watcher needs a timer.
 */

#include <stdbool.h>
#include <stdint.h>

#include "base/map.h"
#include "bridge/bearer.h"

#define PRODUCT_CODE_MAX 64

struct product_book {
        sd_event *loop;            /* borrowed */
        struct upstream *upstream; /* borrowed */
        struct map products;       /* struct product_watch, by code */
        unsigned n_watches;
        bool is_live; /* events flow: what is known is what is true */
};

void product_book_init(struct product_book *b, sd_event *loop, struct upstream *u);
/* No watch may be left. */
void product_book_done(struct product_book *b);
/* The event feed starts (everything is asked for again, spread over a second) or is lost. */
void product_book_set_live(struct product_book *b, bool is_live);
/* The API answers again: what is AWAY is asked for soon. */
void product_book_retry(struct product_book *b);
/* A change of a product, watched or not. */
void product_book_event(struct product_book *b, const char *code, int64_t version, const char *request_id);

struct product_watch;

/* One client's watch; embedded. */
struct watch {
        /* set before watch_start(), changeable before watch_ask_again() */
        usec_t interval_usec;
        bool on_change; /* nothing while nothing changes */
        bool once;
        /* Whose right it is: NULL for one that needs no token. Changed by watch_set_bearer(). */
        struct bearer *bearer;
        /* There is something to tell: watch_line(), but not from in here. Also called by watch_start(). */
        void (*ready)(struct watch *w);
        /* The API refuses to show this product to it: told by the last line, then the watch is to be stopped.
         */
        bool refused;
        /* private */
        struct product_watch *product;
        struct list_link link;
        uint64_t awaited;  /* number of the GET that answers it; 0 = what is known will do */
        uint64_t told_seq; /* state that it was told last; 0 = none */
        usec_t told_usec;
};

/* Starts telling. 0; -ENOMEM. */
int watch_start(struct watch *w, struct product_book *b, const char *code);
/* Safe on a zeroed or stopped one. */
void watch_stop(struct watch *w);
/* Options have changed, or it is asked for again: it will be told, and with `fresh` of a GET that begins now.
 */
void watch_ask_again(struct watch *w, bool fresh);
void watch_set_bearer(struct watch *w, struct bearer *b);
const char *watch_code(const struct watch *w);
/* Is the line to be sent now about the product, and not about its being out of reach? */
bool watch_tells_data(const struct watch *w);
/* Appends the line to be sent now and notes that it was; returns how many states it skips. */
uint64_t watch_line(struct watch *w, struct buf *out);
