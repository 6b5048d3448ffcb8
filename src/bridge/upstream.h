/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */
#pragma once

/* What the bridge asks of the product API, and how its answers are to be understood. */

#include <stdbool.h>
#include <stdint.h>

#include "base/id.h"
#include "fetch/fetch.h"

#define UPSTREAM_TOKEN_MAX 512 /* ours have 46 characters; room for others' */

struct upstream {
        struct fetch_client *client; /* owned */
        usec_t timeout_usec;
        bool is_up;    /* as the last answer told */
        char why[160]; /* of its not being up */
        uint64_t n_requests, n_failures;
        void (*changed)(struct upstream *u); /* is_up has changed; may be NULL */
};

int upstream_init(struct upstream *u, sd_event *loop, const char *url, const char *ca_file,
                  unsigned connections_max, usec_t timeout_usec);
void upstream_done(struct upstream *u);

enum upstream_outcome {
        UPSTREAM_FOUND,   /* 200: `fetch.answer`, `fetch.etag` */
        UPSTREAM_SAME,    /* 304 */
        UPSTREAM_REFUSED, /* 4xx: asking again would be answered likewise */
        UPSTREAM_AWAY,    /* no answer, 5xx or 429: to be asked again */
};

struct upstream_get { /* embedded; zeroed before its first use */
        void (*complete)(struct upstream_get *g);
        enum upstream_outcome outcome;
        struct fetch fetch;
        /* private */
        struct upstream *upstream;
        char *path; /* owned */
        char authorization[sizeof("Authorization: Bearer ") + UPSTREAM_TOKEN_MAX];
        char if_none_match[sizeof("If-None-Match: ") + 80];
        char request_id[sizeof("X-Request-ID: ") + ID_FOREIGN_MAX];
};

/* `token`, `etag`, `request_id` may be NULL; an id is made then. 0: complete() later, once. */
int upstream_get_submit(struct upstream_get *g, struct upstream *u, const char *path, const char *token,
                        const char *etag, const char *request_id, void (*complete)(struct upstream_get *g));
void upstream_get_cancel(struct upstream_get *g);
void upstream_get_done(struct upstream_get *g);
/* The request id as sent. */
const char *upstream_get_id(const struct upstream_get *g);

/* RFC 9457 for whoever asked: the API's own problem if it sent one, else what happened. `code` (may be NULL)
 * is added, since an answer on the wire is told apart by nothing else. */
void upstream_get_problem(const struct upstream_get *g, const char *code, struct buf *out);

/* Fit for a header: RFC 6750's b64token. */
bool upstream_token_is_valid(const char *s);
