/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */
#pragma once

/* What the files of the server share, and nobody else sees.
 *
 *     rpc_server.c      listeners, deadlines, the task that ends each turn, drain
 *     rpc_connection.c  one connection: bytes in, bytes out, its end
 *     rpc_session.c     what nghttp2 tells of it
 *     rpc_receive.c     a request: metadata, messages
 *     rpc_call.c        its life, and what handlers ask of it
 *     rpc_answer.c      what they answer
 *     rpc_health.c      grpc.health.v1.Health
 *     rpc_reflection.c  grpc.reflection
 *
 * Everything runs on the loop's thread. nghttp2 is given bytes in rpc_connection_feed() and asked for bytes
 * in rpc_connection_flush(), never from inside its own call-backs and never from what handlers call: those
 * leave the connection on the server's dirty list, and the call on one of its others, for the task.
 *
 * A call dies in the task alone, when it is over (its operation has heard it) and its stream is closed: until
 * then the session holds a pointer to it.
 *
 * Bytes are bounded in three ways. Those that nobody has taken yet by HTTP/2's windows, since a window is
 * given back only for bytes that were taken. Messages that were taken, and answers that wait, by a budget of
 * the connection and one of the server. And the output by reading no more from who does not read. */

#include <nghttp2/nghttp2.h>

#include "base/alloc.h"
#include "base/arena.h"
#include "base/buf.h"
#include "base/fd.h"
#include "base/id.h"
#include "base/list.h"
#include "base/map.h"
#include "net/net_acceptor.h"
#include "net/net_stream.h"
#include "rpc/grpc_frame.h"
#include "rpc/rpc_codec.h"
#include "rpc/rpc_header.h"
#include "rpc/rpc_server.h"

#define RPC_METADATA_COUNT_MAX 64 /* headers of a request */
#define RPC_SLAB_BYTES 1536       /* most calls' metadata, operation and guard */
#define RPC_SPARE_MAX 128         /* calls kept for reuse: a busy turn of the loop */
#define RPC_LOG_FIELDS_MAX 4
#define RPC_DETAIL_MAX 1024 /* bytes of a status message: it travels in a header */
#define RPC_STREAM_WINDOW (256 * 1024)
#define RPC_CONNECTION_WINDOW (1024 * 1024)
#define RPC_CONNECTION_BUFFERED_MAX ((size_t)16 * 1024 * 1024) /* four of the largest messages */
/* When the server's budget is spent, whoever has no more than this still gets through. */
#define RPC_FAIR_BYTES ((size_t)64 * 1024)
/* Of a call's output: ask the handler for more; tell it to wait. */
#define RPC_LOW_WATER (64 * 1024)
#define RPC_HIGH_WATER (256 * 1024)

struct rpc_entry { /* of the method table */
        struct map_entry entry;
        const struct rpc_method *method;
};

struct rpc_listener {
        struct net_acceptor acceptor;
        struct rpc_server *server; /* borrowed */
        struct net_tls *tls;       /* borrowed */
};

struct rpc_server {
        struct service *service; /* borrowed */
        sd_event *loop;          /* borrowed */
        struct rpc_server_setup setup;
        const struct rpc_conf *conf; /* borrowed */
        struct map methods;
        struct rpc_entry *entries; /* owned */
        size_t n_entries;
        nghttp2_session_callbacks *callbacks; /* owned */
        nghttp2_option *option;               /* owned */
        struct rpc_listener listeners[LISTEN_MAX];
        size_t n_listeners;
        struct list connections, calls, spare;
        struct list dirty;    /* connections: have something to send, or to end */
        struct list awake;    /* calls: a handler wants to write or to read on */
        struct list over;     /* calls: to be told, or freed */
        struct list watchers; /* of the health */
        size_t n_spare;
        struct loop_task task;
        struct loop_timer alarm, sweep;
        usec_t alarm_usec;  /* when `alarm` fires; USEC_INFINITY: it does not */
        struct buf scratch; /* output of one flush */
        struct rpc_metrics metrics;
        uint64_t id_seed, id_last; /* call ids made here: unique, not secret */
        usec_t drain_usec;         /* when the drain began; 0: it has not */
        bool is_stopping, has_garbage, is_unserving;
};

/* A token bucket: what a client may cause of something that is cheap for it and not for us. */
struct rpc_bucket {
        usec_t filled_usec;
        uint64_t n_tokens;
};

struct rpc_connection {
        struct list_link link, dirty_link;
        struct rpc_server *server;
        struct rpc_listener *listener;
        struct net_stream stream;
        struct net_peer peer;
        nghttp2_session *session; /* owned; NULL: only the end of the output is still sent */
        struct list calls;
        size_t n_calls, buffered;
        struct rpc_bucket resets;
        usec_t quiet_usec; /* since when there is no call */
        usec_t moved_usec; /* when the output last got shorter */
        size_t last_pending;
        bool is_greeted; /* its SETTINGS came: it speaks HTTP/2 */
        bool is_told;    /* GOAWAY was sent */
        bool is_broken;  /* the session failed */
};

enum rpc_state { RPC_READING, RPC_RUNNING, RPC_FINISHED };

struct rpc_call {
        struct list_link link, connection_link, awake_link, over_link;
        struct rpc_server *server;
        struct rpc_connection *connection; /* NULL: the stream is closed */
        int32_t stream_id;
        enum rpc_state state;
        struct net_peer peer;
        const struct rpc_method *method; /* NULL: unknown */
        char id[ID_FOREIGN_MAX + 1];
        usec_t start_usec, deadline_usec, moved_usec;
        bool has_hold, is_begun, was_told; /* was_told: the operation has heard that it is over */

        /* the request */
        const char *verb, *path, *content_type;
        struct rpc_header *headers;
        size_t header_bytes, n_headers;
        bool has_headers, has_ended, is_too_large, is_forwarded;
        struct buf in;
        size_t unconsumed;                /* bytes of `in` for which the windows were not given back */
        struct ProtobufCMessage *request; /* owned */
        bool is_passed, is_paused, is_reading, was_ended; /* RPC_STREAM */

        /* the answer */
        struct rpc_header *out_headers, *trailers;
        struct buf out;
        enum grpc_code code;
        const char *detail; /* in the arena, escaped; NULL: none */
        bool is_submitted, is_deferred, wants_writable, is_ended;

        size_t buffered; /* its share of the budgets */

        /* the handlers' */
        void *op, *guard;
        void (*op_done)(void *op);
        void (*guard_done)(void *guard);
        const void *identity;
        const char *user; /* in the arena */
        struct {
                const char *name, *value;
        } log[RPC_LOG_FIELDS_MAX];
        size_t n_log;

        struct arena arena;
        _Alignas(max_align_t) char slab[RPC_SLAB_BYTES]; /* not zeroed */
};

/* rpc_server.c */
/* The connection has something to send, or to end; the task will see. */
void rpc_server_schedule(struct rpc_server *s, struct rpc_connection *c);
void rpc_server_wake(struct rpc_call *c);
/* The call is over, or its stream closed. */
void rpc_server_settle(struct rpc_call *c);
/* Something of this call is due then. */
void rpc_server_alarm(struct rpc_server *s, usec_t at);

/* Does a method of this service stand in the table? "lonja.v1.Records" */
bool rpc_server_has_service(const struct rpc_server *s, const char *name);

/* rpc_health.c */
/* Tells who watches. */
void rpc_health_changed(struct rpc_server *s);

/* rpc_connection.c */
void rpc_connection_accept(struct net_acceptor *a, int fd, const struct net_peer *peer);
void rpc_connection_flush(struct rpc_connection *c);
/* Each second: ends what stands still. */
void rpc_connection_check(struct rpc_connection *c, usec_t now);
/* GOAWAY: open calls go on, new ones go elsewhere. */
void rpc_connection_tell(struct rpc_connection *c, bool is_final);
/* It did what no honest client does. */
void rpc_connection_punish(struct rpc_connection *c);
/* Ends it; what its calls were doing is for nobody. */
struct rpc_connection *rpc_connection_free(struct rpc_connection *c);

/* rpc_session.c */
int rpc_session_setup(struct rpc_server *s);
int rpc_session_open(struct rpc_connection *c);

/* rpc_receive.c */
void rpc_receive_header(struct rpc_call *c, const uint8_t *name, size_t name_size, const uint8_t *value,
                        size_t value_size);
void rpc_receive_headers_end(struct rpc_call *c);
void rpc_receive_data(struct rpc_call *c, const uint8_t *p, size_t n);
void rpc_receive_end(struct rpc_call *c);
/* RPC_STREAM: hands on what is there. */
void rpc_receive_messages(struct rpc_call *c);
/* Gives back the windows for `n` bytes. */
void rpc_receive_consume(struct rpc_call *c, size_t n);

/* rpc_call.c */
struct rpc_call *rpc_call_new(struct rpc_connection *c, int32_t stream_id);
struct rpc_call *rpc_call_free(struct rpc_call *c);
/* The stream is closed, or its connection gone. */
void rpc_call_detach(struct rpc_call *c);
/* Over: the operation hears it, the journal too. */
void rpc_call_tell(struct rpc_call *c);
/* Guard and begin. */
void rpc_call_start(struct rpc_call *c);
bool rpc_call_may_buffer(const struct rpc_call *c, size_t n);
void rpc_call_buffer(struct rpc_call *c, size_t n);
void rpc_call_unbuffer(struct rpc_call *c, size_t n);
/* When something must happen to it, whatever its handler does. */
usec_t rpc_call_due(const struct rpc_call *c);
void rpc_call_expire(struct rpc_call *c);
static inline bool rpc_call_is_quiet(const struct rpc_call *c)
{
        return c->method && c->method->flags & RPC_METHOD_QUIET;
}

/* rpc_answer.c */
/* What is not gRPC is answered in HTTP: 415, 405. */
void rpc_answer_http(struct rpc_call *c, const char *status);
/* The stream is of no use any more: no trailers, RST_STREAM. */
void rpc_answer_reset(struct rpc_call *c, enum grpc_code code);
