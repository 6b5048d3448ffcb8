/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */
#pragma once

/* One client.
 *
 *             request that is answered at once
 *                +------+
 *                v      |
 *     accept --> OPEN --+--request that has to ask the API--> ASKING --answered--> OPEN
 *                 |                                              |
 *                 +-----nothing left to answer, BYE--------------+--> LEAVING --flushed, or time is over-->
 * gone
 *
 * Requests are answered in order: while ASKING, and while output waits for the client, no further one is
 * read. Lines of watches come in between as they fall due, except while output waits: then a watch only
 * remembers that it has something to tell, and tells the latest when there is room. So a client costs at most
 * one answer of memory, however slow it is.
 *
 * Who may read is settled in session_request.c: by address (AnonymousRead) or by the client's token. */

#include "bridge/bridge.h"
#include "net/net_stream.h"
#include "json/jread.h"

enum session_state {
        SESSION_OPEN,
        SESSION_ASKING,
        SESSION_LEAVING,
};

/* A watch of this session. */
struct session_watch {
        struct watch watch;
        struct session *session;     /* borrowed */
        struct list_link link;       /* in `watches` */
        struct list_link ready_link; /* in `ready` while it has something to tell */
};

struct session_ask;

struct session {
        struct net_stream stream;
        struct bridge *bridge;    /* borrowed */
        struct bridge_door *door; /* borrowed */
        struct net_peer peer;
        enum session_state state;
        struct list_link link;       /* in the bridge's `sessions` */
        struct list_link ready_link; /* in the bridge's `ready` */
        struct list watches, ready;  /* struct session_watch */
        unsigned n_watches;
        struct expiry_entry quiet, silent, slow;
        size_t slow_pending;       /* output waiting when `slow` began */
        usec_t received_usec;      /* when bytes last came */
        struct bearer_hold bearer; /* the token, if one was presented */
        struct session_ask *ask;   /* owned; what ASKING asks */
        bool skips_line;           /* the rest of a line that was too long is dropped */
        bool ends_after_list; /* asked without a line end: the end of the connection is the end of the list */
        bool half_closed;
};

/* Consumes fd. Whatever fails, it is gone then. */
void session_open(struct bridge_door *door, int fd, const struct net_peer *peer);
/* At once, without a word. */
struct session *session_free(struct session *s);
/* Says why, sends what waits, closes. */
void session_bye(struct session *s, unsigned status, const char *slug, const char *detail);
/* The bridge leaves: at once, or when the answer under way is given. */
void session_drain(struct session *s);
/* The bridge's timers: no line end for 200 ms; nothing asked for SilentClientSec; nothing read for
 * SlowClientSec. */
void session_quiet(struct session *s);
void session_silent(struct session *s);
void session_slow(struct session *s);
/* It has something to tell (again): it will be served in its turn. */
void session_set_ready(struct session *s);
/* Its turn. May free it. */
void session_serve(struct session *s);

/* For session_request.c: */

/* Queues a line or several. */
void session_write(struct session *s, const struct buf *lines);
void session_error(struct session *s, const char *type, unsigned status, const char *slug, const char *detail,
                   const struct field_errors *errors, const char *code);
/* What was queued is sent, then the connection ends. */
void session_leave(struct session *s);
/* After a half-close, the last answer is the end. */
void session_maybe_leave(struct session *s);
/* The request under way is answered; further ones follow, from the loop. */
void session_answered(struct session *s);
struct session_watch *session_find_watch(struct session *s, const char *code);
void session_stop_watch(struct session_watch *w);
void session_stop_watches(struct session *s);
