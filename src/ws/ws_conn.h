/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */
#pragma once

/* One WebSocket (RFC 6455, server side), as small as it can be while nothing happens: this struct, an event
 * source, and the socket. What its client sends is checked, answered where it is a control frame, and
 * dropped.
 *
 *     OPEN --ws_conn_close(), or the client's--> CLOSING --handshake done, or grace--> closed()
 *       +-----------------the connection broke-----------------------------------^
 *
 * There is no queue: one frame is on its way at a time, and the owner waits for `writable` before the next.
 * Call-backs come from the loop only, and may do anything short of freeing the connection, which `closed`
 * may. */

#include <stdbool.h>
#include <stdint.h>

#include "http/http_request.h"
#include "service/loop.h"
#include "ws/ws_frame.h"
#include "ws/ws_reader.h"

/* RFC 6455 section 7.4.1, and the registry that it founds. */
#define WS_CLOSE_GOING_AWAY 1001
#define WS_CLOSE_POLICY 1008
#define WS_CLOSE_RESTART 1012
#define WS_CLOSE_TRY_LATER 1013
#define WS_CLOSE_ABNORMAL 1006 /* never on the wire: it broke */

struct ws_conn;

struct ws_conn_handler {
        uint64_t message_max;                /* bytes of a client's message; beyond: closed with 1009 */
        void (*writable)(struct ws_conn *c); /* the frame that was on its way has been sent */
        void (*heard)(struct ws_conn *c);    /* bytes came: the client is alive */
        void (*closed)(struct ws_conn *c, unsigned code); /* the last call; ws_conn_done() is due */
};

struct ws_conn {
        const struct ws_conn_handler *handler; /* borrowed */
        sd_event *loop;                        /* borrowed */
        struct http_tunnel *tunnel;            /* owned */
        struct loop_io io;
        struct loop_timer grace;  /* CLOSING; no source before */
        struct ws_reader *reader; /* owned; within a message of the client's */
        struct ws_frame *frame;   /* a reference; on its way */
        size_t n_sent;            /* of it */
        struct buf control;       /* to be sent before the next frame */
        unsigned code;            /* why it closes */
        bool is_closing, is_deaf, is_broken, has_ended, is_watching_output;
};

/* Takes the tunnel over, also on failure. `early`: what http_reply_upgrade() found behind the request. */
int ws_conn_open(struct ws_conn *c, sd_event *loop, struct http_tunnel *tunnel, const char *early, size_t n,
                 const struct ws_conn_handler *handler);
/* 0: sent; 1: on its way, `writable` (or `closed`) follows; then no other may be sent before. Takes a
 * reference of its own if need be. Dropped where the connection is on its end, which `closed` tells. */
int ws_conn_send(struct ws_conn *c, struct ws_frame *f);
/* A ping, unless output waits anyway: then false. */
bool ws_conn_ping(struct ws_conn *c);
/* Says why and goes on to `closed`, which may take WS_CLOSE_GRACE_USEC with a client that does not read. */
#define WS_CLOSE_GRACE_USEC (5 * USEC_PER_SEC)
void ws_conn_close(struct ws_conn *c, unsigned code, const char *reason);
/* At once, without a word; no call-back. Safe on a zeroed one. */
void ws_conn_done(struct ws_conn *c);
