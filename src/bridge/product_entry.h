/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */
#pragma once

/* Private to product_*.c: a watched product from the inside. product_book.c finds it and hears of events,
 * product_watch.c decides when to ask, product_answer.c what an answer means and who is told. */

#include "base/id.h"
#include "bridge/product_watch.h"

enum product_state {
        PRODUCT_NEW,
        PRODUCT_SHOWN,
        PRODUCT_ABSENT, /* 404, or another 4xx: the API's word on it */
        PRODUCT_AWAY,
};

struct product_watch {
        struct product_book *book; /* borrowed */
        struct map_entry entry;    /* by code */
        char *code;                /* owned */
        struct list watches;       /* struct watch */
        unsigned n_anonymous;      /* of them without a token and not refused */
        usec_t interval_usec;      /* the smallest */
        /* what is known */
        enum product_state state;
        uint64_t seq;                        /* counts the states that watchers could be told; 0 = none yet */
        struct buf line;                     /* SHOWN and ABSENT: the answer, encoded once for everybody */
        struct buf complaint;                /* AWAY, and for whom the API refuses: the error, encoded */
        char etag[80];                       /* of `line`; "" when it shows no product */
        int64_t version;                     /* known: of the answer, or of the event that led to a 404 */
        int64_t wanted;                      /* the highest that an event told of */
        int64_t lag_version;                 /* waited for once already */
        char request_id[ID_FOREIGN_MAX + 1]; /* of that event; "" = none */
        /* the GET */
        struct upstream_get get;
        bool is_asking, is_tick;
        struct bearer *asked_as; /* only compared, it may be gone; NULL = anonymous */
        int64_t asked_version;   /* `wanted` when it began */
        uint64_t n_begun, n_done, awaited_max;
        usec_t begun_usec; /* of the last */
        unsigned n_failures;
        /* what comes next; USEC_INFINITY = not */
        usec_t tick_usec, retry_usec;
        struct loop_timer timer;
};

static inline struct watch *watch_of(struct list_link *i)
{
        return LIST_ENTRY(i, struct watch, link);
}

/* product_book.c */
int product_find(struct product_book *b, const char *code, struct product_watch **ret);
struct product_watch *product_free(struct product_watch *p);

/* product_watch.c */

/* Asks now. Not while asking. */
void product_begin(struct product_watch *p);
/* Asks at the latest then; product_arm() follows. */
void product_retry_in(struct product_watch *p, usec_t delay);
void product_arm(struct product_watch *p);

/* product_answer.c */

/* The GET is done: learns from it and tells who is to be told. True: another is needed at once. */
bool product_take_answer(struct product_watch *p);
/* `ready`, unless it waits for a GET that is not done. */
void watch_tell(struct watch *w);
