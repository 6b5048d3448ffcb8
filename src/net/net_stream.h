/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */
#pragma once

/* One connection, plain or TLS, at either end: buffered, non-blocking, small when idle.
 *
 * Buffers are allocated when bytes are there and freed when they are empty, so that an idle connection costs
 * this struct and little more. `received` is called with everything unread; it consumes what it can by
 * net_stream_consume(). Any callback may close the stream; after net_stream_close() none is called. */

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"
#include "net/net_tls.h"
#include "service/loop.h"

struct net_stream;

/* Below it `drained` says that more is welcome: enough to keep a fast reader busy, little per slow one. */
#define NET_STREAM_LOW_WATER ((size_t)16384)

struct net_stream_handler {
        void (*received)(struct net_stream *s); /* new bytes in net_stream_input() */
        void (*drained)(struct net_stream *s);  /* output fell below the low-water mark, or became empty */
        /* 0: the peer half-closed, we may still write, and it may be called again with < 0: the connection is
         * gone (-ECONNRESET, -EPIPE, -ETIMEDOUT: no TLS handshake in time, -EPROTO), or finished. */
        void (*ended)(struct net_stream *s, int error);
};

struct net_stream {
        const struct net_stream_handler *handler; /* borrowed */
        sd_event *loop;                           /* borrowed */
        int fd;                                   /* owned */
        struct loop_io io;
        struct loop_timer linger;       /* TLS handshake, then the grace of net_stream_finish() */
        struct gnutls_session_int *tls; /* owned, NULL when plain */
        const char *alpn;               /* borrowed; the protocol that TLS must agree on, or NULL */
        struct buf in, out;
        size_t in_max; /* reading pauses while this much is unread */
        bool *closed;  /* borrowed from the stack of the callback that runs, set by net_stream_close() */
        int error;     /* of a write, to be told from the loop */
        bool is_open, read_ended, closing, write_ended, handshaking, write_blocked, above_water;
};

/* Consumes fd, also on failure; it may still be connecting. `tls` NULL for plain; it must live as long as the
 * stream. */
int net_stream_open(struct net_stream *s, sd_event *loop, int fd, struct net_tls *tls, size_t in_max,
                    const struct net_stream_handler *handler);
/* Everything unread. */
static inline const char *net_stream_input(const struct net_stream *s, size_t *ret_size)
{
        *ret_size = buf_size(&s->in);
        return *ret_size > 0 ? buf_bytes(&s->in) : "";
}
void net_stream_consume(struct net_stream *s, size_t n);
/* Queues bytes and tries to send at once. 0; -ENOMEM; -EPIPE when closing. A connection that turns out to be
 * broken is told by `ended`, later. */
int net_stream_write(struct net_stream *s, const void *p, size_t n);
static inline size_t net_stream_pending(const struct net_stream *s)
{
        return buf_size(&s->out);
}
/* Send what is queued (10 s at most), shutdown(SHUT_WR), read on for at most a second, then
 * `ended(s, -ECONNRESET or 0)`; nothing else is called before that. */
void net_stream_finish(struct net_stream *s);
/* At once; no callback. Safe on a zeroed or closed stream. */
void net_stream_close(struct net_stream *s);
