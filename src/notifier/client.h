/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */
#pragma once

/* One who listens, by whatever way: ws_client.c and sse_client.c are the two.
 *
 *     ARRIVING --a look that began after it came--> welcome --> BEHIND --the ring reaches its place--> LIVE
 *                                                       +---------------------------------------------^
 *     any --client_close(): told, on its way out--> LEAVING --> freed
 *
 * A client has no queue: it has a place in the log, and the socket's buffer. What is sent is taken from the
 * feed's ring (LIVE) or from the log itself (BEHIND, catch_up.c) when there is room, so a client that does
 * not read costs its own struct, and is told and closed after SlowClientSec. One whom the ring has left
 * behind catches up as one who comes back does. */

#include "auth/auth_watch.h"
#include "notifier/topics.h"
#include "service/expiry.h"
#include "ws/ws_frame.h"

struct client;
struct notifier;

enum client_state { CLIENT_ARRIVING, CLIENT_BEHIND, CLIENT_LIVE, CLIENT_LEAVING };
enum client_start { CLIENT_FROM_NOW, CLIENT_FROM_OFFSET, CLIENT_FROM_LAST };

struct client_ops {
        /* 0: sent; 1: taken, but wait for client_writable(). `event`: its name, NULL for the usual. */
        int (*send)(struct client *c, struct ws_frame *f, int64_t offset, const char *event);
        void (*ping)(struct client *c);
        /* client_free() follows, now or later. */
        void (*close)(struct client *c, unsigned code, const char *reason);
        /* At once: client_done(), and its own memory, if it has any. */
        void (*drop)(struct client *c);
};

/* Where a stream is to begin, and for whom: what the request said. */
struct client_wish {
        struct topics *topics; /* a reference */
        struct auth_hold hold;
        enum client_start start;
        int64_t number; /* of FROM_OFFSET, FROM_LAST */
};

struct client {
        struct notifier *notifier;    /* borrowed */
        const struct client_ops *ops; /* borrowed */
        struct topics *topics;        /* a reference */
        struct auth_hold hold;
        struct list_link link;  /* of all */
        struct list_link queue; /* arriving, behind or ready */
        struct expiry_entry ping, slow;
        uint64_t look;    /* ARRIVING: the one that is waited for */
        int64_t position; /* the last offset that it has seen or does not want; ARRIVING: of the wish */
        uint8_t state, start, n_unheard;
        bool is_blocked, is_reading; /* output waits; catch_up.c reads for it */
};

/* Takes what the wish holds. */
void client_open(struct client *c, struct notifier *d, const struct client_ops *ops,
                 struct client_wish *wish);
void client_wish_done(struct client_wish *w);
/* Forgets it everywhere. The memory is its owner's. */
void client_done(struct client *c);

/* Something came from it. */
void client_heard(struct client *c);
void client_writable(struct client *c);
/* Tells why and lets it go. */
void client_close(struct client *c, unsigned code, const char *reason);

/* The event is its next: sends it if it wants it. 0: go on; 1: stop, it is blocked, stale or gone. */
int client_offer(struct client *c, int64_t offset, const char *type, struct ws_frame *frame);
/* It is at the place that `position` says: LIVE if the ring reaches there, else it waits to catch up. */
void client_settle(struct client *c);

/* ---- all of them ---- */

struct clients {
        struct list all, arriving, behind, ready; /* struct client */
        unsigned n_all;
        struct expiry pings, slow;
        struct loop_task serve;
        struct map topics;
        uint64_t n_opened, n_slow, n_unanswered, n_ended, n_sent, n_unrecovered; /* for metrics */
};

int clients_init(struct notifier *d);
/* Times of the configuration, for what begins from now on. */
void clients_reload(struct notifier *d);
/* At the very end, without a word. */
void clients_drop_all(struct notifier *d);
void clients_done(struct notifier *d);
/* The feed has looked: places those who waited for it, and wakes the live ones. */
void clients_on_looked(struct notifier *d);
/* Everybody with a word: at the drain; or those who have a place, when the log began anew. */
void clients_close_all(struct notifier *d, bool placed_only, unsigned code, const char *reason);
