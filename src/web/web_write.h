/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */
#pragma once

/* The pieces every write shares: Idempotency-Key, If-Match, the replay of a stored answer.
 *
 * A write is one SQL function call that returns exactly one row:
 *     outcome text, status int, etag text, location text, answer text
 * outcome: 'done', 'replayed', 'key-reused', 'not-found', 'exists', 'version-mismatch', ... (mapped by
 * web_write_reply). */

#include "http/http_request.h"
#include "pg/pg_query.h"

#define WEB_KEY_MAX 255

struct web_write {
        const char *key;  /* Idempotency-Key or NULL; borrowed from the request */
        char hash[65];    /* SHA-256 of the decoded command and its target, hex */
        int64_t if_match; /* a version, or -1: absent, or -2: "*" */
};

/* Reads the headers; `command` is the canonical decoded command (its hash is what a key is bound to). 0; 1:
 * answered with 400. */
int web_write_read(struct http_request *r, const char *operation, const struct buf *command,
                   struct web_write *ret);
/* Maps the row (or the failure) of a write to an answer. */
void web_write_reply(struct http_request *r, const struct pg_query *q);
