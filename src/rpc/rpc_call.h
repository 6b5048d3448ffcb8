/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */
#pragma once

/* One gRPC call, as handlers see it: no nghttp2 here.
 *
 *     READING --request complete--> RUNNING --finish, reply, problem, error--> FINISHED
 *        | bad request                 | deadline, cancelled, connection lost, shutdown
 *        +-----------------------------+--> FINISHED
 *
 * A handler is begin (validate, finish or submit) and complete (map the result, finish). A call may end under
 * it: the deadline passes, the client cancels or is gone, the process leaves. Whatever ends it, the operation
 * hears it exactly once: `done` of its slot runs, from the loop and never from inside a function of this
 * header; it takes back what it submitted, and the call does not exist afterwards. Between the end and
 * `done`, functions of this header may still be called and do nothing.
 *
 *     struct add_op { struct rpc_call *call; struct pg_query query; };
 *     static void add_done(void *op) { pg_query_done(&((struct add_op *)op)->query); }
 *     static int add_begin(struct rpc_call *c)
 *     {
 *             const Lonja__V1__AddRecordRequest *q = (const void *)rpc_call_request(c);
 *             struct add_op *op = rpc_call_op(c, sizeof(*op), add_done);
 *             ...
 *             return pg_query_submit(&op->query, pool, PG_LANE_WRITE, rpc_call_deadline(c));
 *     }
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/clock.h"
#include "base/macro.h"
#include "contract/grpc_status.h"
#include "net/net_address.h"

struct ProtobufCMessage;
struct ProtobufCMessageDescriptor;
struct rpc_call;
struct rpc_method;

void *rpc_call_context(const struct rpc_call *c); /* the server's context: the daemon */
const struct rpc_method *rpc_call_method(const struct rpc_call *c);
/* The operation's own state: zeroed, one per call, freed with it after done(slot) (may be NULL). NULL when
 * out of memory. */
void *rpc_call_op(struct rpc_call *c, size_t size, void (*done)(void *op));
/* That slot again, for call-backs that are given the call. NULL before. */
void *rpc_call_slot(const struct rpc_call *c);
/* A second slot, for the layer that authorizes (web/). Same rules. */
void *rpc_call_guard(struct rpc_call *c, size_t size, void (*done)(void *guard));

/* The request message of a unary or server-streaming method: of the descriptor in the table, strings valid
 * UTF-8. Lives as long as the call. */
const struct ProtobufCMessage *rpc_call_request(const struct rpc_call *c);
/* Metadata by its lower-case name; values of "-bin" keys as they came, in base64. NULL when absent. */
const char *rpc_call_header(const struct rpc_call *c, const char *name);
/* A "-bin" value, decoded; owned by the call. NULL when absent or broken. */
const void *rpc_call_header_bin(struct rpc_call *c, const char *name, size_t *ret_size);
const char *rpc_call_id(const struct rpc_call *c); /* x-request-id in, or made */
const struct net_peer *rpc_call_peer(const struct rpc_call *c);
/* forwarded or x-forwarded-*: somebody's proxy stands between, so the peer's address means nothing. */
bool rpc_call_is_forwarded(const struct rpc_call *c);
/* CLOCK_MONOTONIC usec: the client's grpc-timeout, else CallTimeoutSec (unary) or USEC_INFINITY. At this time
 * the call is finished with DEADLINE_EXCEEDED by itself. */
usec_t rpc_call_deadline(const struct rpc_call *c);
/* Who asks: set by the guard, read by handlers. Borrowed from the guard slot. */
void rpc_call_set_identity(struct rpc_call *c, const void *identity);
const void *rpc_call_identity(const struct rpc_call *c);
/* For the journal: USER_NAME=. Value copied. */
void rpc_call_set_user(struct rpc_call *c, const char *user);
/* A field for this call's journal line: RECORD_ID=...; value copied. At most 4. */
void rpc_call_log_field(struct rpc_call *c, const char *name, const char *value);

/* The guard allows: the method's begin runs (from the loop or from the guard itself). */
void rpc_call_pass(struct rpc_call *c);

/* ---- Answering ---- */

/* Initial metadata, before the first message; trailing metadata, before the end. Values of "-bin" names are
 * given raw. Copied. */
void rpc_call_add_header(struct rpc_call *c, const char *name, const void *value, size_t size);
void rpc_call_add_trailer(struct rpc_call *c, const char *name, const void *value, size_t size);
/* The initial metadata goes out now, though there is no message yet. */
void rpc_call_open(struct rpc_call *c);
/* A message of the method's response type. 0; 1: buffered, but wait for writable() before more; -EPIPE: the
 * call is over; -ENOMEM. A client that does not read while too much waits for it ends its call:
 * RESOURCE_EXHAUSTED. */
int rpc_call_send(struct rpc_call *c, const struct ProtobufCMessage *m);
/* The end, with the details as a text for people (NULL: none). Whatever was sent goes out before. */
void rpc_call_finish(struct rpc_call *c, enum grpc_code code, const char *fmt, ...) _printf_(3, 4);
/* One message and OK. */
void rpc_call_reply(struct rpc_call *c, const struct ProtobufCMessage *m);
/* The end with what the REST interface would answer: its code, and "<slug>: <detail>". */
void rpc_call_problem(struct rpc_call *c, unsigned status, const char *slug, const char *fmt, ...)
        _printf_(4, 5);
/* A negative errno (problem_of_error()); what nobody expected is logged, once, here. */
void rpc_call_error(struct rpc_call *c, int error);
/* True after the end: what is computed for it is for nobody. */
bool rpc_call_is_over(const struct rpc_call *c);
/* RPC_STREAM: messages may come again after `message` returned 1. */
void rpc_call_resume(struct rpc_call *c);
