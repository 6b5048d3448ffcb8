/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */
#pragma once

/* A server on a loopback port and raw clients, all in one thread: whoever waits for a client runs the loop.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* in this order */
#include <cmocka.h>

#include "http/http_internal.h"
#include "service/service_life.h"

struct fixture {
        struct service service; /* only its loop, its listeners and its counters */
        struct service_conf service_conf;
        struct http_conf conf;
        struct http_server *server;
        int listener, plain_listener; /* the latter, once there is a door for TLS */
        uint16_t port;
        struct list waiting;      /* struct held */
        unsigned n_begun, n_done; /* operations */
};

/* An operation that waits until the test lets it go. */
struct held {
        struct list_link link;
        struct fixture *fixture;
        struct http_request *request;
};

struct client {
        struct fixture *fixture;
        int fd;
        struct buf in;
        char *answer;   /* the last one taken */
        size_t scanned; /* of a chunked answer that is not whole yet */
        bool ended, was_reset;
};

void fixture_open(struct fixture *f, const struct http_route *routes, void (*guard)(struct http_request *r));
/* Adds a door for TLS; clients come by it from now on. */
void fixture_listen_tls(struct fixture *f, struct net_tls *tls);
void fixture_close(struct fixture *f);
/* One turn of the loop, at most `msec` long. */
void fixture_turn(struct fixture *f, unsigned msec);
/* Turns until `*n` is at least `wanted`; fails after some seconds. */
void fixture_until(struct fixture *f, const unsigned *n, unsigned wanted);
/* Turns for a while without a condition: to see that nothing happens, or that patience ends. */
void fixture_spin(struct fixture *f, unsigned msec);
/* A begin that waits for fixture_release(). */
int fixture_hold(struct http_request *r);
/* Answers the oldest that waits with 200 "done". */
void fixture_release(struct fixture *f);

void client_open(struct client *c, struct fixture *f);
void client_close(struct client *c);
void client_send(struct client *c, const char *text);
void client_send_bytes(struct client *c, const void *p, size_t n);
/* Reads until one whole answer is there (Content-Length, chunked, or none) and takes it; the text lives until
 * the next call. "" when none comes. _head: no body follows. */
const char *client_answer(struct client *c);
const char *client_answer_head(struct client *c);
/* Reads and drops until the server closes; true: orderly, false: by a reset. */
bool client_wait_end(struct client *c);
/* Takes what there is, without waiting. */
void client_poll(struct client *c);
/* "GET path HTTP/1.1" with a Host and an empty line. */
void client_get(struct client *c, const char *path);

#define assert_contains(text, part) assert_non_null(strstr((text), (part)))
#define assert_status(text, status) assert_int_equal(fixture_status(text), (status))
int fixture_status(const char *answer);
/* What follows the headers. */
const char *fixture_body(const char *answer);
