/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */
#pragma once

/* An HTTP/1.1 client in the loop (libcurl's multi interface): connections kept and reused, one job per
 * request. The only folder with <curl/curl.h>.
 *
 * Redirects are not followed and proxy variables of the environment are ignored: a token goes to the base URL
 * and nowhere else. */

#include <stdbool.h>
#include <stddef.h>
#include <sys/socket.h>

#include "base/buf.h"
#include "base/list.h"
#include "service/loop.h"

struct fetch_client;

struct fetch_conf {               /* copied */
        const char *base_url;     /* "http://127.0.0.1:8000"; "": each path is a whole URL */
        const char *unix_socket;  /* path or NULL */
        const char *ca_file;      /* or NULL */
        unsigned connections_max; /* to the host, 0 = 8; further requests wait in line */
        /* Whether to connect to this address, once it is known; NULL: to any. One that may not be: -EACCES,
         * unless the name has others. */
        bool (*may_connect)(void *context, const struct sockaddr *address);
        void *context;
};

int fetch_client_new(struct fetch_client **ret, sd_event *loop, const struct fetch_conf *conf);
/* Jobs in flight are cancelled without call-back. Not from within `piece` or `upload`, nor from `complete`.
 */
struct fetch_client *fetch_client_free(struct fetch_client *c);
DEFINE_FREEP(struct fetch_client, fetch_client_free)

#define FETCH_HEADERS_MAX 8

struct fetch; /* embedded */
typedef void (*fetch_fn)(struct fetch *f);

struct fetch {
        /* set before submit; borrowed until the call-back */
        const char *method;                     /* "GET" */
        const char *path;                       /* with the query string */
        const char *headers[FETCH_HEADERS_MAX]; /* "Name: value"; a body without Content-Type is JSON */
        unsigned n_headers;
        const void *body; /* NULL: none */
        size_t body_size;
        size_t answer_max;   /* bytes; beyond: -EFBIG. 0 = 16 MiB */
        usec_t timeout_usec; /* 0 = 30 s; for all of it, waiting in line included */
        /* optional: the body in pieces instead of in `answer`, `status` being set; < 0 aborts and is `error`
         */
        int (*piece)(struct fetch *f, const void *p, size_t n);
        /* optional: the body to send in pieces; returns bytes put into p, 0 at the end, -errno */
        long (*upload)(struct fetch *f, void *p, size_t n);
        fetch_fn complete;
        /* result */
        int error; /* 0: there is an answer, with its status; else -errno: -ECONNREFUSED (nobody there or no
                      such host), -ETIMEDOUT, -ECONNRESET (broken off), -EFBIG, -EPROTO, -ENOMEM, or what
                      `piece` said */
        char reason[160];
        unsigned status;
        struct buf answer;
        char etag[80]; /* as sent, with quotes; "" when absent */
        char request_id[72];
        /* private */
        struct fetch_client *client; /* while submitted */
        struct fetch_slot *slot;     /* while under way, not in line */
        usec_t deadline_usec;
        struct list_link link;
};

/* 0: complete() later, once, from the loop; the job may be submitted again or freed there. -ENOMEM. */
int fetch_submit(struct fetch *f, struct fetch_client *c);
/* No call-back after this; at any time, also from within the job's own `piece`. Safe on a zeroed or finished
 * job. */
void fetch_cancel(struct fetch *f);
static inline bool fetch_is_busy(const struct fetch *f)
{
        return f->client != NULL;
}
/* Cancels and frees what the answer took; safe on a zeroed job. */
void fetch_done(struct fetch *f);
