/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */
#pragma once

/* The pieces every write shares: Idempotency-Key, If-Match, the replay of a stored answer.
 *
 * A write is one SQL function that returns one `write_row` (sql/0003_accounts.sql tells how to write one):
 *     outcome text, status int, etag text, location text, answer text
 * 'done' and 'replayed' become the stored status, ETag, Location and JSON body; any other outcome is the slug
 * of a problem with that status and `answer` as its detail. */

#include "http/http_request.h"
#include "pg/pg_query.h"
#include "web/web_etag.h"

#define WEB_KEY_MAX 255
/* 1 to WEB_KEY_MAX printable ASCII characters. */
bool web_key_is_valid(const char *s);

struct web_write {
        const char *key;  /* Idempotency-Key or NULL; borrowed from the request */
        char hash[65];    /* SHA-256 of operation and command, hex */
        int64_t if_match; /* a version, or WEB_MATCH_* */
};

/* Reads the headers. `command` is the canonical decoded command with its target, whatever door it came by
 * (its hash is what a key is bound to), without secrets: the hash is kept for a day. 0; 1: answered with 400;
 * -ENOMEM. */
int web_write_read(struct http_request *r, const char *operation, const struct buf *command,
                   struct web_write *ret);
/* The same where the hash comes from elsewhere (a streamed body): leaves `hash` empty. */
int web_write_read_headers(struct http_request *r, struct web_write *ret);
/* Appends key, hash and if_match as parameters: NULL for what is absent; WEB_MATCH_ANY goes as -2. */
void web_write_params(const struct web_write *w, struct pg_query *q);
/* What a key is bound to: SHA-256 of operation and canonical command, hex. */
void web_write_hash(const char *operation, const void *command, size_t n, char ret[65]);
/* Answers for a write that failed: `status` as of a query, -ECONNRESET when nobody knows whether it was made;
 * with -EIO the server's code and its words, for the journal. */
void web_write_reply_failure(struct http_request *r, int status, const char *sqlstate, const char *error);
/* Maps the row (or the failure) of a write to an answer. The first five columns are those of write_row. */
void web_write_reply(struct http_request *r, const struct pg_query *q);

/* For GET. True: If-None-Match holds this version, and 304 was answered. Otherwise ETag was set; go on with
 * 200. */
bool web_etag_not_modified(struct http_request *r, int64_t version);
