/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */
#pragma once

/* A gRPC server in the loop: nghttp2 sessions, the gRPC framing of grpc/doc/PROTOCOL-HTTP2.md, protobuf-c
 * messages.
 *
 * A daemon describes its methods in a table and hands over listeners; what a handler does with a call is in
 * rpc_call.h. Section [GRPC]. Calls that change state (RPC_METHOD_WRITE) or end with an error of ours are
 * logged at info with REQUEST_ID=, others at debug. Open calls hold the service awake, connections without
 * one do not. */

#include <stdbool.h>
#include <stdint.h>

#include "contract/grpc_status.h"
#include "net/net_tls.h"
#include "rpc/rpc_call.h"
#include "service/service.h"

struct rpc_conf {
        uint64_t connections_max; /* MaxConnections=2000, by each listener */
        uint64_t calls_max;       /* MaxCalls=10000 open at once; beyond: UNAVAILABLE "overloaded" */
        uint64_t
                streams_max; /* MaxStreams=512 calls at once by one connection (HTTP/2 makes the rest wait) */
        uint64_t buffered_max; /* MaxBuffered=128M: messages on their way in and out, all connections together
                                */
        usec_t call_timeout_usec; /* CallTimeoutSec=10: a unary call's deadline when its client gives none;
                                     also how long a client may take to send a request or to take an answer */
        usec_t keepalive_usec;    /* KeepAliveSec=300: connections without calls are ended after it */
};
extern const struct conf_option rpc_options[];

enum rpc_kind {
        RPC_UNARY,         /* begin runs with the whole request; one message is the answer */
        RPC_SERVER_STREAM, /* begin runs with the whole request; any number of messages, no deadline of ours
                            */
        RPC_STREAM,        /* begin runs after the headers; messages come by `message`; any number go out */
};

enum rpc_method_flags {
        RPC_METHOD_QUIET =
                1 << 0, /* health, reflection: neither holds the service nor moves the idle clock */
        RPC_METHOD_WRITE = 1 << 1, /* changes state: logged at info */
        RPC_METHOD_ENDLESS =
                1 << 2, /* ends by its client's will alone: a drain ends it at once, UNAVAILABLE */
};

struct rpc_method {
        const char *name; /* "/lonja.v1.Records/Add" */
        enum rpc_kind kind;
        const struct ProtobufCMessageDescriptor *request, *response;
        /* 0: finished, or will be. Negative errno: finished by rpc_call_error(). */
        int (*begin)(struct rpc_call *c);
        unsigned flags;
        unsigned scope;     /* for the guard: 0 = open, else AUTH_* bits; rpc/ does not look at it */
        size_t message_max; /* bytes of a request message; 0 = RPC_MESSAGE_MAX */
        /* RPC_STREAM only. A message, which lives during the call-back. 0: go on; 1: taken, but no more until
         * rpc_call_resume(); negative errno: rpc_call_error(). */
        int (*message)(struct rpc_call *c, const struct ProtobufCMessage *m);
        /* RPC_STREAM only: the client has sent its last message. */
        void (*ended)(struct rpc_call *c);
        /* After rpc_call_send() returned 1: there is room again. */
        void (*writable)(struct rpc_call *c);
};
#define RPC_MESSAGE_MAX ((size_t)4 * 1024 * 1024) /* what other gRPC implementations take by default */

struct rpc_server;

struct rpc_server_setup {
        /* Arrays ending with name NULL; the list ends with NULL. The list is read once, the arrays must stay.
         */
        const struct rpc_method *const *methods;
        void *context;
        /* Runs before each begin; finishes the call, or calls rpc_call_pass() now or later. NULL = everything
         * passes. */
        void (*guard)(struct rpc_call *c);
        const struct rpc_conf *conf; /* borrowed; replaced by rpc_server_reload() */
};

int rpc_server_new(struct rpc_server **ret, struct service *service, const struct rpc_server_setup *setup);
/* Adopts a listener, TCP or Unix. Borrowed fd. tls: with alpn "h2", or NULL for plain HTTP/2 with prior
 * knowledge. */
int rpc_server_listen(struct rpc_server *s, int fd, struct net_tls *tls);
void rpc_server_reload(struct rpc_server *s, const struct rpc_conf *conf);
/* Stops accepting and tells clients to go elsewhere (GOAWAY); open calls go on until they finish, endless
 * ones end with UNAVAILABLE. Holds and lingers on the service fall to zero when all is done. */
void rpc_server_drain(struct rpc_server *s);
/* Ends what is still open with UNAVAILABLE. */
struct rpc_server *rpc_server_free(struct rpc_server *s);
DEFINE_FREEP(struct rpc_server, rpc_server_free)

/* grpc.health.v1.Health: a table for rpc_server_setup.methods. "" and every service of the server share one
 * state, which is SERVING until it is set, and NOT_SERVING from a drain on. */
extern const struct rpc_method rpc_health_methods[];
void rpc_server_set_serving(struct rpc_server *s, bool is_serving);

/* grpc.reflection v1 and v1alpha, of everything below proto/. */
extern const struct rpc_method rpc_reflection_methods[];

struct rpc_metrics {
        uint64_t n_calls[GRPC_CODES]; /* that ended, by code */
        uint64_t n_connections, n_open;
        uint64_t n_refused; /* beyond a limit: calls open, bytes buffered */
        uint64_t n_messages_in, n_messages_out;
        uint64_t n_punished; /* connections ended for what they did: floods, resets, no HTTP/2 */
        uint64_t buffered;   /* bytes */
        uint64_t duration_sum_usec;
};
const struct rpc_metrics *rpc_server_metrics(const struct rpc_server *s);
