/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */
#pragma once

/* The right of clients that present a token.
 *
 * Watched products are fetched once for everybody, so the API cannot refuse a single watcher: the bridge must
 * ask about each one's right. It holds no right of its own; it asks GET /api/sessions/current with the
 * client's token, once per distinct token however many clients present it: when a client comes with it, and
 * every BEARER_CHECK_USEC while somebody watches with it.
 *
 *     UNKNOWN --200 with scope read--> VALID --401, 403, scope gone--> REFUSED
 *        |                               |  ^
 *        +--------401, 403-----> REFUSED +--+ 200 again
 *
 * Nothing is sent on the strength of a check that began BEARER_FRESH_USEC ago or earlier: so a stream ends,
 * or at least falls silent while the API is away, within 5 s of the token's revocation. */

#include <stdbool.h>

#include "base/map.h"
#include "bridge/upstream.h"

#define BEARER_CHECK_USEC (2 * USEC_PER_SEC)
#define BEARER_FRESH_USEC (5 * USEC_PER_SEC)

enum bearer_state {
        BEARER_UNKNOWN,
        BEARER_VALID,
        BEARER_REFUSED,
};

struct bearer_book {
        sd_event *loop;            /* borrowed */
        struct upstream *upstream; /* borrowed */
        struct map bearers;        /* struct bearer, by token */
};

void bearer_book_init(struct bearer_book *b, sd_event *loop, struct upstream *u);
/* No hold may be left. */
void bearer_book_done(struct bearer_book *b);

struct bearer;

/* One client's use of a token; embedded. */
struct bearer_hold {
        /* The check that was asked for is done (`status`: 0 valid, -EACCES refused, -EAGAIN the API is away),
         * or the state has changed meanwhile. From the loop; the hold may be dropped there. */
        void (*checked)(struct bearer_hold *h, int status);
        /* private */
        struct bearer *bearer;
        struct list_link link;
        uint64_t awaited; /* number of the check that answers it; 0 = none */
        bool watches;
};

/* 0; -ENOMEM. */
int bearer_hold_take(struct bearer_hold *h, struct bearer_book *b, const char *token,
                     void (*checked)(struct bearer_hold *h, int status));
/* Safe on a zeroed hold. */
void bearer_hold_drop(struct bearer_hold *h);
/* `to` takes the place of `from`, which is empty then. */
void bearer_hold_move(struct bearer_hold *to, struct bearer_hold *from);
static inline bool bearer_hold_is_waiting(const struct bearer_hold *h)
{
        return h->awaited > 0;
}
static inline bool bearer_hold_is_taken(const struct bearer_hold *h)
{
        return h->bearer != NULL;
}
/* checked() follows a check that begins after this call; several calls may share one. */
void bearer_hold_check(struct bearer_hold *h);
/* While true, the right is checked again and again. */
void bearer_hold_set_watching(struct bearer_hold *h, bool watches);

enum bearer_state bearer_state(const struct bearer *b);
const char *bearer_token(const struct bearer *b);
/* May something be sent to its clients now? */
bool bearer_is_fresh(const struct bearer *b);
/* A check that began at or after `since` found it valid. */
bool bearer_is_valid_since(const struct bearer *b, usec_t since);
/* Somebody got 401 or 403 with it: check at once. */
void bearer_doubt(struct bearer *b);
/* Why the last check failed. */
void bearer_problem(const struct bearer *b, const char *code, struct buf *out);
/* What the API says of the session: JSON text, valid until the next check. */
const char *bearer_session(const struct bearer *b, size_t *ret_size);
