/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */
#pragma once

/* What the files of the client share.
 *
 *     rpc_client.c          the client: its connections, deadlines, the task that ends each turn
 *     rpc_client_session.c  what nghttp2 tells of a connection
 *     rpc_ask.c             an ask: its life, and what comes for it
 *
 * As in the server, nghttp2 is asked for bytes in the task alone, and call-backs of asks run from there, so
 * that none of them runs inside of nghttp2. */

#include <nghttp2/nghttp2.h>

#include "net/net_stream.h"
#include "rpc/grpc_frame.h"
#include "rpc/rpc_client.h"

struct rpc_link { /* a connection */
        struct list_link link;
        struct rpc_client *client; /* borrowed */
        struct net_stream stream;
        nghttp2_session *session; /* owned */
        bool is_lost;             /* to be freed by the task */
};

struct rpc_client {
        sd_event *loop; /* borrowed */
        struct rpc_client_setup setup;
        nghttp2_session_callbacks *callbacks; /* owned, as the next */
        nghttp2_option *option;
        struct list links;
        struct rpc_link *current; /* takes new asks; NULL: none */
        struct list asks, awake;  /* all; something came for them */
        size_t n_asks;
        struct loop_task task;
        struct loop_timer alarm;
        usec_t alarm_usec; /* USEC_INFINITY: it does not fire */
        struct buf scratch;
};

/* rpc_client.c */
/* The connection that takes new asks. 0; -errno of the dial. */
int rpc_client_connect(struct rpc_client *c, struct rpc_link **ret);
void rpc_client_schedule(struct rpc_client *c);
void rpc_client_alarm(struct rpc_client *c, usec_t at);
/* No new asks by this one. */
void rpc_link_retire(struct rpc_link *l);

/* rpc_client_session.c */
int rpc_client_session_setup(struct rpc_client *c);
int rpc_client_session_open(struct rpc_link *l);

/* rpc_ask.c */
void rpc_ask_take_header(struct rpc_ask *a, const uint8_t *name, size_t name_size, const uint8_t *value,
                         size_t value_size);
void rpc_ask_take_data(struct rpc_ask *a, const uint8_t *p, size_t n);
void rpc_ask_wake(struct rpc_ask *a);
/* The stream is closed; `code` and `detail` for want of the server's own. */
void rpc_ask_close(struct rpc_ask *a, enum grpc_code code, const char *detail);
/* In the task: call-backs. */
void rpc_ask_run(struct rpc_ask *a);
void rpc_ask_expire(struct rpc_ask *a);
