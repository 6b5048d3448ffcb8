/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */
#pragma once

/* The bridge: what the process is made of.
 *
 *     session --(wants)--> watch --(of)--> product_watch --> upstream --> fetch --> lonja-products
 *        |                                      ^
 *        +--(may?)--> bearer --> upstream       +-- event_feed <-- mq <-- lonja.events
 *
 * Sessions are served in turns: whoever has something to be sent stands in `ready`, and a task sends to a
 * bounded number of them before it lets the loop look at its sockets again. A change that ten thousand
 * clients watch so delays nobody's PING. */

#include "bridge/bearer.h"
#include "bridge/bridge_conf.h"
#include "bridge/event_feed.h"
#include "bridge/product_watch.h"
#include "net/net_acceptor.h"
#include "service/expiry.h"

struct bridge_door {
        struct net_acceptor acceptor;
        struct bridge *bridge; /* borrowed */
        bool is_tls;
};

struct bridge {
        struct service *service;        /* borrowed */
        sd_event *loop;                 /* borrowed */
        const struct bridge_conf *conf; /* borrowed; replaced by a reload */
        struct upstream upstream;
        struct bearer_book bearers;
        struct product_book products;
        struct event_feed feed;
        struct net_tls *tls; /* owned; NULL without the credentials */
        struct bridge_door doors[LISTEN_MAX];
        unsigned n_doors;
        /* clients */
        struct list sessions, ready; /* struct session */
        unsigned n_sessions, n_lists;
        struct expiry quiet, silent, slow; /* 200 ms without a line end; nothing asked; nothing read */
        struct loop_task serve;
        /* counters for STATUS= */
        uint64_t n_accepted, n_requests, n_errors, n_lines, n_skipped, n_slow;
        struct loop_timer status_timer;
        bool draining;
};

extern const struct service_daemon bridge_daemon;

/* STATUS= is to be written again, soon. */
void bridge_note(struct bridge *b);
/* May who connects from there read without a token? */
bool bridge_allows_anonymous(const struct bridge *b, bool is_loopback);
