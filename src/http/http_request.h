/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */
#pragma once

/* One HTTP request, as handlers see it: no libmicrohttpd here.
 *
 *     READING --body complete--> RUNNING --begin returned, no answer--> WAITING
 *        | bad input                | answered in begin       | result, deadline, shutdown
 *        +--------------------------+-------------------------+
 *                     v
 *                 ANSWERED --connection done--> freed
 *
 * A handler is begin (parse, validate, answer or submit) and complete (map the result, answer). An
 * http_request lives until it was answered, whatever the client does; its op slot dies with it. Deadline and
 * shutdown reach the operation as the status of what it submitted (every job takes http_request_deadline()),
 * never as special cases. */

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/url.h"
#include "net/net_address.h"
#include "json/jread.h"

struct http_request;
struct http_route;
struct http_server;

void *http_request_context(const struct http_request *r); /* the server's context: the daemon */
struct http_server *http_request_server(const struct http_request *r);
const struct http_route *http_request_route(const struct http_request *r);
/* The operation's own state: zeroed, one per request, freed with it after done(slot) (may be NULL). NULL when
 * out of memory. */
void *http_request_op(struct http_request *r, size_t size, void (*done)(void *op));
/* That slot again, for call-backs that are given the request. NULL before. */
void *http_request_slot(const struct http_request *r);
/* A second slot, for the layer that authorizes (web/). Same rules. */
void *http_request_guard(struct http_request *r, size_t size, void (*done)(void *guard));

const char *http_request_method(const struct http_request *r);
const char *http_request_path(const struct http_request *r);
/* A path variable, decoded: segment "code" of "/api/products/{code}". */
const char *http_request_segment(const struct http_request *r, const char *name);
/* Parsed on first use; a broken query string was answered with 400 before begin. */
const struct url_query *http_request_query(const struct http_request *r);
/* NULL when absent, and when the client has left before it was first asked for. Lives as long as the request.
 */
const char *http_request_header(const struct http_request *r, const char *name);
/* A copy of n bytes, and a NUL behind it, that lives as long as the request; NULL when out of memory. */
char *http_request_copy(struct http_request *r, const char *p, size_t n);
const char *http_request_id(const struct http_request *r); /* X-Request-ID in, or made */
const struct net_peer *http_request_peer(const struct http_request *r);
/* Forwarded or X-Forwarded-*: somebody's proxy stands between, so the peer's address means nothing. */
bool http_request_is_forwarded(const struct http_request *r);
const char *http_request_body(const struct http_request *r, size_t *ret_size);
/* CLOCK_MONOTONIC usec: arrival + RequestTimeoutSec. */
usec_t http_request_deadline(const struct http_request *r);
/* Who asks: set by the guard, read by handlers. Borrowed from the guard slot. */
void http_request_set_identity(struct http_request *r, const void *identity);
const void *http_request_identity(const struct http_request *r);
/* For the journal: USER_NAME=. Value copied. */
void http_request_set_user(struct http_request *r, const char *user);
/* A field for this request's journal line: PRODUCT_CODE=...; value copied. At most 4. */
void http_request_log_field(struct http_request *r, const char *name, const char *value);

/* The guard allows: the route's begin runs (from the loop or from the guard itself). */
void http_request_pass(struct http_request *r);

/* ---- Answers: each request exactly one. ---- */

/* Before the answer; value copied. */
void http_reply_header(struct http_request *r, const char *name, const char *value);
/* Consumes the content of `body` (application/json). */
void http_reply_buf(struct http_request *r, unsigned status, const char *content_type, struct buf *body);
/* Consumes `value`; NULL = out of memory -> 500. */
void http_reply_json(struct http_request *r, unsigned status, json_t *value);
void http_reply_text(struct http_request *r, unsigned status, const char *content_type, const char *text);
void http_reply_empty(struct http_request *r, unsigned status);
/* RFC 9457; type urn:lonja:problem:<slug>. detail may be NULL. 503 and 429 get Retry-After: 1 unless one was
 * set. */
void http_reply_problem(struct http_request *r, unsigned status, const char *slug, const char *fmt, ...)
        _printf_(4, 5);
/* 400 invalid-input with errors: [{path, reason}]. */
void http_reply_invalid(struct http_request *r, const struct field_errors *errors);
/* The same with another status and slug. */
void http_reply_problem_fields(struct http_request *r, unsigned status, const char *slug, const char *detail,
                               const struct field_errors *errors);
/* A negative errno to a problem: -ENOTCONN/-EBUSY/-ETIMEDOUT 503, -ESTALE 503 schema-pending,
 * -EPROTONOSUPPORT 503 schema-too-new, -ECONNRESET 503 outcome-unknown, -ECANCELED 503 shutting-down, others
 * 500 internal (logged once, here). */
void http_reply_error(struct http_request *r, int error);

/* ---- A body of unknown length, in pieces, with back-pressure. ---- */

struct http_stream_handler {
        void (*writable)(
                struct http_request *r);      /* buffered output fell below the low-water mark: write more */
        void (*gone)(struct http_request *r); /* the client left or reads too slowly; no further call-back:
                                                 cancel what feeds it */
};
int http_reply_stream(struct http_request *r, unsigned status, const char *content_type,
                      const struct http_stream_handler *handler);
/* 0; 1: buffered, but wait for writable() before more; -errno. */
int http_stream_write(struct http_request *r, const void *p, size_t n);
/* complete false: the connection is cut, so that the client cannot take a part for the whole. */
void http_stream_end(struct http_request *r, bool complete);

/* ---- A body coming in pieces (routes with HTTP_ROUTE_STREAM_BODY). ---- */

struct http_body_handler {
        /* A piece. 0: go on; 1: taken, but pause until http_body_resume(). After an answer was given the rest
         * is read and dropped. */
        int (*piece)(struct http_request *r, const void *p, size_t n);
        void (*end)(struct http_request *r);
        void (*gone)(struct http_request *r); /* the client left in the middle: undo; no answer is possible */
};
/* To be called in begin of such a route. */
void http_body_receive(struct http_request *r, const struct http_body_handler *handler);
void http_body_resume(struct http_request *r);

/* ---- A connection that leaves HTTP. ---- */

struct http_tunnel;

/* The answer 101 is on its way; from the loop. `t` is the caller's from now on, and what the client had sent
 * behind its request is `early`. The request ends after this call. */
typedef void (*http_upgraded_fn)(struct http_request *r, struct http_tunnel *t, const char *early, size_t n);
/* Answers 101 with `Upgrade: protocol` and the headers set before. `upgraded` is never called when the client
 * leaves first. 0; -ENOMEM. */
int http_reply_upgrade(struct http_request *r, const char *protocol, http_upgraded_fn upgraded);
/* The client's bytes; non-blocking. Borrowed: to be watched, read and written, not closed. */
int http_tunnel_fd(const struct http_tunnel *t);
/* Ends the connection. Before http_server_free(). NULL is accepted and returned. */
struct http_tunnel *http_tunnel_close(struct http_tunnel *t);
