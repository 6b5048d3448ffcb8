/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */
#pragma once

/* One libpq connection in the loop, from start-up packet to close; what is said over it is its owner's
 * business. Private to pg/. */

#include <libpq-fe.h>

#include "pg/pg_params.h"
#include "pg/pg_resolve.h"
#include "service/loop.h"

/* A server that accepts and then says nothing for this long is treated as absent. */
#define PG_CONNECT_USEC (10 * USEC_PER_SEC)

struct pg_link;
struct pg_link_handler {
        void (*connected)(struct pg_link *l);
        void (*failed)(struct pg_link *l); /* closed again; `error` says why */
        void (*ready)(struct pg_link *l, uint32_t revents);
};

struct pg_link {
        const struct pg_link_handler *handler; /* borrowed */
        sd_event *loop;                        /* borrowed */
        const struct pg_params *params;        /* borrowed */
        PGconn *pg;                            /* owned; NULL when closed, and while a name is looked up */
        struct pg_resolve resolve;
        struct loop_io io;
        uint32_t events;
        struct loop_timer timer;
        bool is_connected;
        char error[160]; /* the newest failure, one line */
};

/* 0: connected() or failed() follow from the loop. -ENOMEM. Connected means non-blocking, watched for
 * input. */
int pg_link_open(struct pg_link *l, sd_event *loop, const struct pg_params *params,
                 const struct pg_link_handler *handler);
/* Harmless when closed. No call-back after it. */
void pg_link_close(struct pg_link *l);
/* Sends what libpq has buffered and watches for room when the socket is full. 0: all sent; 1: some is left;
 * -ECONNRESET. */
int pg_link_flush(struct pg_link *l);
/* Reading stops: back-pressure towards the server. */
void pg_link_pause(struct pg_link *l, bool paused);
/* Closes; the statement that runs is cancelled at the server by a helper thread, since PQcancel() blocks. */
void pg_link_abort(struct pg_link *l);
