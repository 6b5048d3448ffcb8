/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */
#pragma once

/* What the files of http/ share, and nobody else sees.
 *
 *     http_server.c    listeners, connections, the sweep that closes what stands still, drain
 *     http_port.c      MHD in the loop
 *     http_tls.c       TLS before it
 *     http_receive.c   what MHD tells of a request: line, headers, body
 *     http_headers.c   what its headers decide
 *     http_request.c   its life
 *     http_handler.c   what handlers ask of it
 *     http_reply.c     answers
 *     http_stream.c    answers in pieces
 *     http_upgrade.c   connections that leave HTTP
 *     http_router.c    paths
 *
 * Everything runs on the loop's thread. MHD's callbacks run inside MHD_run() only, handlers' completions
 * outside of it only; whoever answers a request therefore just leaves the answer in it and asks for a kick.
 */

#include <microhttpd.h>

#include "base/arena.h"
#include "base/id.h"
#include "base/list.h"
#include "http/http_router.h"
#include "http/http_server.h"
#include "net/net_acceptor.h"

/* Bytes of request line and headers: a token and a long query string take a tenth of it. */
#define HTTP_HEADERS_MAX 8192
/* MHD's memory per connection, all of it used after the first request: those headers, 72 bytes for each of
 * them and for each parameter, and the answer's. */
#define HTTP_POOL_BYTES 12288
/* Most requests' operation, guard, and texts. */
#define HTTP_SLAB_BYTES 2048
/* Requests kept for reuse: a busy turn of the loop. */
#define HTTP_SPARE_MAX 64
#define HTTP_LOG_FIELDS_MAX 4
/* Of a stream's buffer: ask the source for more; tell it to wait. */
#define HTTP_STREAM_LOW_WATER (64 * 1024)
#define HTTP_STREAM_HIGH_WATER (256 * 1024)

struct http_port {
        struct http_server *server; /* borrowed */
        struct MHD_Daemon *mhd;     /* owned; NULL: not opened yet */
        struct loop_io io;
        struct loop_timer timer;
        usec_t armed_usec;  /* when `timer` fires; USEC_INFINITY when it is off */
        unsigned n_patient; /* requests that wait without being suspended, see http_port.c */
        unsigned n_moving;  /* bodies coming or going in pieces */
        unsigned n_queued;  /* answers handed to MHD in this run */
        uint64_t turn;
        bool wants_run;
};

struct http_listener {
        struct net_acceptor acceptor;
        struct http_server *server; /* borrowed */
        struct net_tls *tls;        /* borrowed; NULL: plain */
};

struct http_server {
        struct service *service; /* borrowed */
        sd_event *loop;          /* borrowed */
        struct http_server_setup setup;
        const struct http_conf *conf; /* borrowed */
        struct http_router *router;   /* owned */
        struct http_port port;
        struct http_listener listeners[LISTEN_MAX];
        size_t n_listeners;
        struct http_connection *accepting; /* borrowed by MHD_add_connection() while it runs */
        struct list connections, requests, spare;
        struct list writable; /* streams whose handler is to be asked for more */
        struct list orphans;  /* answered, but nobody is there any more */
        struct list upgraded; /* tunnels whose handler is to be told */
        struct list secured;  /* of TLS clients */
        size_t n_spare;
        struct loop_task kick;
        struct loop_timer sweep;
        struct http_metrics metrics;
        usec_t drain_usec;         /* when the drain began; 0: it has not */
        uint64_t id_seed, id_last; /* request ids made here: unique, not secret */
        bool is_stopping;          /* http_server_free() runs: no handler is called for new requests */
};

struct http_connection {
        struct list_link link;
        struct http_listener *listener; /* borrowed */
        struct http_request *request;   /* the one in progress, or NULL */
        struct net_peer peer;
        int fd;            /* MHD's; of a TLS client, its end of the pair */
        usec_t quiet_usec; /* since when there has been no request */
        bool was_used;     /* for at least one request */
        bool was_peeked;   /* since the last one: the client had not half-closed */
        bool was_cut;
};

/* Where MHD stands; what its next call of the handler means. */
enum http_phase {
        HTTP_PHASE_LINE,    /* the request line is there */
        HTTP_PHASE_HEADERS, /* the headers are there; MHD repeats this while we are suspended in it */
        HTTP_PHASE_BODY,    /* bytes come, or the end */
};

enum http_state { HTTP_READING, HTTP_RUNNING, HTTP_WAITING, HTTP_ANSWERED };

struct http_header {
        struct http_header *next;
        const char *name, *value; /* in the slab */
};

struct http_stream {
        struct http_request *request;              /* its owner */
        const struct http_stream_handler *handler; /* borrowed */
        struct buf out;
        usec_t full_usec; /* since when the source waits; 0: it does not */
        struct list_link writable;
        bool ended, is_complete;
};

struct http_request {
        struct list_link link; /* in requests, orphans or spare */
        struct http_server *server;
        struct http_connection *connection; /* NULL: the client is gone */
        struct net_peer peer;
        struct MHD_Connection *mhd; /* NULL with it */
        enum http_state state;
        enum http_phase phase;

        char method[12];
        const char *path;        /* raw; in the slab */
        const char *query_text;  /* raw, "" when absent; in the slab */
        struct url_query *query; /* in the slab; NULL: not parsed */
        struct http_match match;
        const struct http_route *route; /* of the match, or NULL */
        char id[ID_FOREIGN_MAX + 1];
        usec_t start_usec, deadline_usec;
        bool is_forwarded, is_suspended, is_patient, is_queued, has_hold, is_begun;
        uint64_t patient_turn;
        unsigned patience;

        /* the body */
        uint64_t content_length; /* MHD_SIZE_UNKNOWN for a chunked one */
        uint64_t n_received;
        bool expects_continue, must_close, in_motion;
        bool is_whole; /* all of it was received */
        struct buf body;
        const struct http_body_handler *receiver; /* borrowed */
        bool is_paused, has_ended;

        /* the answer */
        unsigned status;
        struct MHD_Response *response; /* owned until it is queued */
        struct http_header *headers;
        bool has_cache_control, has_etag, has_retry_after;
        struct http_stream *stream; /* in the slab */
        struct http_tunnel *tunnel; /* owned until the connection has left HTTP */
        http_upgraded_fn upgraded;
        usec_t answered_usec;

        /* the handlers' */
        void *op, *guard;
        void (*op_done)(void *op);
        void (*guard_done)(void *guard);
        const void *identity;
        const char *user; /* in the slab */
        struct {
                const char *name, *value;
        } log[HTTP_LOG_FIELDS_MAX];
        size_t n_log;

        struct arena arena;
        _Alignas(max_align_t) char slab[HTTP_SLAB_BYTES]; /* not zeroed */
};

/* http_server.c */
struct http_connection *http_connection_free(struct http_connection *c);
/* Ends it from our side; MHD will notice. `how`: SHUT_RD lets a request that has just arrived be served. */
void http_connection_cut(struct http_connection *c, int how);
/* A drain, or the end: this is the connection's last answer. */
static inline bool http_server_is_leaving(const struct http_server *s)
{
        return s->drain_usec != 0 || s->is_stopping;
}
void http_server_kick(struct http_server *s);
/* Each second: ends what MHD's own timeout, which starts again with each byte, does not see. */
void http_server_sweep(struct http_server *s, usec_t now);

/* http_port.c */
int http_port_open(struct http_port *p, struct http_server *server);
void http_port_run(struct http_port *p);
/* MHD calls the handler of this request again. */
void http_port_wake(struct http_request *r);
void http_port_close(struct http_port *p);

/* http_tls.c */
/* A TLS client: the descriptor for MHD, which closes it, or -errno. Consumes fd. The acceptor is told of its
 * end here. */
int http_tls_accept(struct http_listener *l, int fd);
void http_tls_stop(struct http_server *s);

/* http_receive.c */
void *http_on_line(void *cls, const char *uri, struct MHD_Connection *mhd);
enum MHD_Result http_on_request(void *cls, struct MHD_Connection *mhd, const char *url, const char *method,
                                const char *version, const char *upload, size_t *upload_size, void **context);
void http_on_completed(void *cls, struct MHD_Connection *mhd, void **context,
                       enum MHD_RequestTerminationCode how);

/* http_headers.c */
/* Route, query, id and framing; what is wrong is answered. */
void http_request_take_headers(struct http_request *r, const char *method, const char *version);
static inline bool http_request_is_streamed(const struct http_request *r)
{
        return r->route && r->route->flags & HTTP_ROUTE_STREAM_BODY;
}
/* 413 */
void http_refuse_body(struct http_request *r);

/* http_request.c */
int http_request_new(struct http_request **ret, struct http_server *s, struct http_connection *c,
                     struct MHD_Connection *mhd);
struct http_request *http_request_free(struct http_request *r);
/* Memory that lives as long as the request; not zeroed; NULL when there is none. */
void *http_request_alloc(struct http_request *r, size_t size);
char *http_request_strdup(struct http_request *r, const char *s);
void http_request_move(struct http_request *r, enum http_state to);
/* Guard and begin; afterwards it is ANSWERED or WAITING. */
void http_request_start(struct http_request *r);
/* The connection goes away, or on to its next request. Counts, logs, frees; a request that was not answered
 * lives on without a client. */
void http_request_detach(struct http_request *r);
/* Frees what was answered after its client had left. */
void http_request_free_orphans(struct http_server *s);
/* It waits no longer without being suspended; its body, or its streamed answer, moves (not) any more. */
void http_request_end_patience(struct http_request *r);
void http_request_begin_motion(struct http_request *r);
void http_request_end_motion(struct http_request *r);
/* The answer is there: moves to ANSWERED and lets it go out. */
void http_request_answered(struct http_request *r);

/* http_reply.c */
/* Takes the response, NULL when there was no memory for it, as the answer. */
void http_reply_response(struct http_request *r, unsigned status, struct MHD_Response *response,
                         const char *content_type);

/* http_stream.c */
/* The client is gone: tells the handler if it had not ended. */
void http_stream_abandon(struct http_request *r);
void http_stream_run_writable(struct http_server *s);
/* The end of the server: tells the handler, and ends the answer where it is. */
void http_stream_cut(struct http_request *r);

/* http_upgrade.c */
/* Tells the handlers of connections that have left HTTP; or, at the end, closes those. */
void http_upgrade_run(struct http_server *s);
void http_upgrade_stop(struct http_server *s);
