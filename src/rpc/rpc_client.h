/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */
#pragma once

/* A gRPC client in the loop: unary and server-streaming calls ("asks") to one server, over one connection
 * that is made when an ask needs it and kept.
 *
 * The server may say goodbye (GOAWAY): asks under way are finished on the old connection, the next ones go by
 * a new one. When a connection breaks, its asks end with UNAVAILABLE; asking again, if that is harmless, is
 * up to the caller, who knows what he has seen. */

#include <stdbool.h>
#include <stddef.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/list.h"
#include "contract/grpc_status.h"
#include "net/net_tls.h"
#include "service/loop.h"

struct ProtobufCMessage;
struct ProtobufCMessageDescriptor;
struct rpc_client;
struct rpc_link;
struct rpc_header;

#define RPC_ASKS_MAX 1000 /* of a client at once */

struct rpc_client_setup { /* texts and tls are borrowed */
        /* A connected or connecting non-blocking socket, which becomes the client's; -errno. */
        int (*dial)(void *context);
        void *context;
        const char *authority; /* "localhost:50051" */
        struct net_tls *tls;   /* with alpn "h2", of net_tls_client_new(); NULL: plain */
        const char *token;     /* for every ask; NULL: none */
};

int rpc_client_new(struct rpc_client **ret, sd_event *loop, const struct rpc_client_setup *setup);
/* What is under way is forgotten without a call-back. Not from within a call-back. */
struct rpc_client *rpc_client_free(struct rpc_client *c);
DEFINE_FREEP(struct rpc_client, rpc_client_free)

struct rpc_ask { /* embedded, zeroed before */
        /* Set before submit; borrowed until complete(). */
        const char *method; /* "/lonja.v1.Records/Watch" */
        const struct ProtobufCMessageDescriptor *response;
        usec_t timeout_usec; /* 0: none */
        size_t message_max;  /* bytes of a message; 0 = RPC_ASK_MESSAGE_MAX */
        /* All run from the loop; each may cancel the ask, whose memory must outlive the call, except that of
         * complete(). */
        /* The server's first metadata have come, see rpc_ask_header(); may be NULL. */
        void (*opened)(struct rpc_ask *a);
        /* A message, which lives during the call. 0: go on; 1: no more until rpc_ask_resume(), so that
         * HTTP/2 stops the server. */
        int (*message)(struct rpc_ask *a, const struct ProtobufCMessage *m);
        /* The end, once. */
        void (*complete)(struct rpc_ask *a);
        /* Result. */
        enum grpc_code code;
        char detail[256];
        uint64_t n_messages;
        /* private */
        struct rpc_client *client; /* while submitted */
        struct rpc_link *rpc_link; /* NULL: closed, or never opened */
        struct list_link link, awake_link;
        int32_t stream_id;
        usec_t deadline_usec;
        struct buf out, in;
        size_t unconsumed;
        struct arena arena;
        struct rpc_header *headers;
        size_t header_bytes;
        bool has_headers, was_opened, is_paused, is_closed, has_status;
        unsigned http_status;
};
#define RPC_ASK_MESSAGE_MAX ((size_t)4 * 1024 * 1024)

/* 0: complete() comes later; -EBUSY: RPC_ASKS_MAX; -ENOMEM. */
int rpc_ask_submit(struct rpc_ask *a, struct rpc_client *c, const struct ProtobufCMessage *request);
/* Messages may come again after `message` returned 1. */
void rpc_ask_resume(struct rpc_ask *a);
/* No call-back after this; the server is told. Harmless when it is not under way. */
void rpc_ask_cancel(struct rpc_ask *a);
static inline bool rpc_ask_is_busy(const struct rpc_ask *a)
{
        return a->client != NULL;
}
/* Metadata of the server, the first and, in complete(), the last; NULL when absent. */
const char *rpc_ask_header(const struct rpc_ask *a, const char *name);
