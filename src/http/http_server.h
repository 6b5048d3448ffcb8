/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */
#pragma once

/* libmicrohttpd inside the loop: external epoll, one timer, one kick task (architecture.md section 3).
 *
 * Sections [HTTP]. Requests that change state or end >= 500 are logged at info with REQUEST_ID=, others at
 * debug. */

#include <stdbool.h>
#include <stdint.h>

#include "http/http_request.h"
#include "net/net_tls.h"
#include "service/service.h"

struct http_conf {
        uint64_t body_max;             /* MaxBody=1M */
        uint64_t connections_max;      /* MaxConnections=2000, by each listener: the admin door stays open */
        uint64_t requests_waiting_max; /* MaxRequestsWaiting=10000 in WAITING at once; beyond: 503 */
        usec_t request_timeout_usec;   /* RequestTimeoutSec=10 */
        usec_t keepalive_usec;         /* KeepAliveSec=15 */
};
extern const struct conf_option http_options[];

enum http_route_flags {
        HTTP_ROUTE_QUIET = 1 << 0,       /* health, metrics: does not move the idle clock */
        HTTP_ROUTE_STREAM_BODY = 1 << 1, /* begin runs after the headers; body_max does not apply */
};

struct http_route {
        const char *method; /* "GET" answers HEAD too */
        const char *path;   /* "/api/products/{code}", "/api/products:import" */
        /* 0: answered, or will be. Negative errno: answered by http_reply_error(). */
        int (*begin)(struct http_request *r);
        unsigned flags;
        unsigned scope; /* for the guard: 0 = open, else AUTH_* bits; http/ does not look at it */
};

struct http_server;

struct http_server_setup {
        /* Arrays ending with method NULL; the list ends with NULL. The list is read once, the arrays must
         * stay. */
        const struct http_route *const *routes;
        void *context;
        /* Runs before each begin; answers, or calls http_request_pass() now or later. NULL = everything
         * passes. */
        void (*guard)(struct http_request *r);
        const struct http_conf *conf; /* borrowed; replaced by http_server_reload() */
};

int http_server_new(struct http_server **ret, struct service *service, const struct http_server_setup *setup);
#define HTTP_TLS_FILES 3 /* descriptors of a TLS client; of any other it is one */
/* Adopts a listener (plain, TLS, or the admin door). Borrowed, fd and tls: until http_server_free(). */
int http_server_listen(struct http_server *s, int fd, bool is_admin, struct net_tls *tls);
void http_server_reload(struct http_server *s, const struct http_conf *conf);
/* Stops accepting; answers carry Connection: close; idle connections are closed after 1 s; WAITING requests
 * get until their deadline. Holds and lingers on the service fall to zero when all is done. */
void http_server_drain(struct http_server *s);
/* Answers what still waits with 503, then stops MHD. */
struct http_server *http_server_free(struct http_server *s);
DEFINE_FREEP(struct http_server, http_server_free)

struct http_metrics {
        uint64_t n_requests[6]; /* by status class, [0] unused */
        uint64_t n_connections, n_waiting, n_refused;
        uint64_t buckets[12]; /* latency histogram, bounds in http_latency_bounds_usec */
        uint64_t latency_sum_usec;
};
extern const uint64_t http_latency_bounds_usec[11];
const struct http_metrics *http_server_metrics(const struct http_server *s);
