/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */
#pragma once

/* An HTTP server of a few lines inside the test's own loop: the test sees each request and answers it when it
 * likes, wrongly if it likes. */

#include <stdbool.h>

#include "base/list.h"
#include "net/net_stream.h"

struct tiny_http;

/* A connection, and the one request on it. */
struct tiny_request {
        struct list_link link;
        struct net_stream stream;
        struct tiny_http *server;
        char method[8], path[512];
        char head[2048]; /* the header lines */
        char body[4096]; /* decoded; NUL-terminated */
        size_t used;     /* of the input, by this request */
        bool is_unanswered;
};

struct tiny_http {
        sd_event *loop;
        int fd;
        struct loop_io io;
        struct list requests;
        char url[64];
        unsigned n_requests, n_connections;
        void (*request)(struct tiny_http *t, struct tiny_request *r);
};

/* Listens on a free loopback port, or below `path` on a Unix socket. */
void tiny_http_start(struct tiny_http *t, sd_event *loop, const char *path,
                     void (*request)(struct tiny_http *t, struct tiny_request *r));
void tiny_http_stop(struct tiny_http *t);
/* The value of a header of the request; "" when absent. */
const char *tiny_header(const struct tiny_request *r, const char *name, char out[256]);
/* `headers`: finished lines ("A: b\r\n") or "". */
void tiny_answer(struct tiny_request *r, unsigned status, const char *headers, const char *body);
/* Cuts the connection. */
void tiny_cut(struct tiny_request *r);

/* Runs the loop until *flag reaches `value`; fails the test after ten seconds. */
void tiny_run_until(sd_event *loop, const unsigned *count, unsigned value);
/* Runs the loop for that long, to see that something does not happen. */
void tiny_run_for(sd_event *loop, usec_t usec);
