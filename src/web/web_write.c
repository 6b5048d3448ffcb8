/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */
#include "web/web_write.h"

#include <errno.h>
#include <stdio.h>

#include "auth/auth_digest.h"
#include "base/str.h"

enum { COLUMN_OUTCOME, COLUMN_STATUS, COLUMN_ETAG, COLUMN_LOCATION, COLUMN_ANSWER };

static_assert(sizeof(((struct web_write *)0)->hash) == AUTH_DIGEST_HEX_SIZE, "the hash is SHA-256 in hex");

bool web_key_is_valid(const char *s)
{
        size_t n = strnlen(s, WEB_KEY_MAX + 1);

        for (size_t i = 0; i < n; i++)
                if (s[i] < ' ' || s[i] > '~')
                        return false;
        return n > 0 && n <= WEB_KEY_MAX;
}

static void read_if_match(const char *header, struct web_write *w, struct field_errors *errors)
{
        int r;

        if (!header)
                return;
        r = web_if_match_parse(header, &w->if_match);
        if (r == -E2BIG)
                field_errors_add(errors, "If-Match", "must name one version only");
        else if (r < 0)
                field_errors_add(errors, "If-Match", "must be an entity tag such as \"7\", or *");
}

int web_write_read_headers(struct http_request *r, struct web_write *ret)
{
        struct web_write w = {.key = http_request_header(r, "Idempotency-Key"), .if_match = WEB_MATCH_NONE};
        struct field_errors errors = {.n_errors = 0};

        if (w.key && !web_key_is_valid(w.key))
                field_errors_add(&errors, "Idempotency-Key", "must be 1 to %d printable ASCII characters",
                                 WEB_KEY_MAX);
        read_if_match(http_request_header(r, "If-Match"), &w, &errors);
        if (errors.n_errors > 0) {
                http_reply_invalid(r, &errors);
                return 1;
        }
        *ret = w;
        return 0;
}

void web_write_hash(const char *operation, const void *command, size_t n, char ret[65])
{
        struct auth_digest digest;

        auth_digest_init(&digest);
        auth_digest_add(&digest, operation, strlen(operation) + 1); /* with its NUL, which separates */
        auth_digest_add(&digest, command, n);
        auth_digest_hex(&digest, ret);
}

int web_write_read(struct http_request *r, const char *operation, const struct buf *command,
                   struct web_write *ret)
{
        int k;

        if (buf_error(command) < 0)
                return -ENOMEM;
        k = web_write_read_headers(r, ret);
        if (k != 0)
                return k;
        web_write_hash(operation, buf_bytes(command), buf_size(command), ret->hash);
        return 0;
}

void web_write_params(const struct web_write *w, struct pg_query *q)
{
        pg_query_text(q, w->key);
        pg_query_text(q, w->key ? w->hash : NULL);
        if (w->if_match == WEB_MATCH_NONE)
                pg_query_null(q);
        else
                pg_query_int(q, w->if_match);
}

void web_write_reply_failure(struct http_request *r, int status, const char *sqlstate, const char *error)
{
        if (status == -EIO) {
                http_request_log_field(r, "SQLSTATE", sqlstate);
                http_request_log_field(r, "DATABASE_ERROR", error);
                if (pg_sqlstate_is_passing(sqlstate)) {
                        http_reply_problem(r, 503, "database-busy", "the change was not made; try again");
                        return;
                }
        }
        http_reply_error(r, status);
}

static void reply_failure(struct http_request *r, const struct pg_query *q)
{
        /* Sent but unanswered: nobody here knows whether it was committed. */
        bool is_unknown = q->was_sent && (q->status == -ETIMEDOUT || q->status == -ECANCELED);

        web_write_reply_failure(r, is_unknown ? -ECONNRESET : q->status, q->sqlstate, q->error);
}

static void reply_etag(struct http_request *r, const struct pg_query *q)
{
        char etag[WEB_ETAG_SIZE];

        if (pg_row_is_null(q, 0, COLUMN_ETAG))
                return;
        web_etag_format(pg_row_int(q, 0, COLUMN_ETAG), etag);
        http_reply_header(r, "ETag", etag);
}

static void reply_success(struct http_request *r, const struct pg_query *q)
{
        unsigned status = (unsigned)pg_row_int(q, 0, COLUMN_STATUS);
        size_t n = pg_row_size(q, 0, COLUMN_ANSWER);
        struct buf body = BUF_EMPTY;

        if (!pg_row_is_null(q, 0, COLUMN_LOCATION))
                http_reply_header(r, "Location", pg_row_text(q, 0, COLUMN_LOCATION));
        if (streq(pg_row_text(q, 0, COLUMN_OUTCOME), "replayed"))
                http_reply_header(r, "Idempotency-Replayed", "true");
        if (n == 0) {
                http_reply_empty(r, status);
                return;
        }
        buf_append(&body, pg_row_text(q, 0, COLUMN_ANSWER), n);
        if (buf_error(&body) < 0)
                http_reply_error(r, -ENOMEM);
        else
                http_reply_buf(r, status, "application/json", &body);
        buf_done(&body);
}

void web_write_reply(struct http_request *r, const struct pg_query *q)
{
        const char *outcome;

        if (q->status < 0) {
                reply_failure(r, q);
                return;
        }
        if (pg_query_rows(q) != 1) {
                http_reply_error(r, -EIO);
                return;
        }
        reply_etag(r, q);
        outcome = pg_row_text(q, 0, COLUMN_OUTCOME);
        if (streq(outcome, "done") || streq(outcome, "replayed")) {
                reply_success(r, q);
                return;
        }
        if (pg_row_is_null(q, 0, COLUMN_ANSWER))
                http_reply_problem(r, (unsigned)pg_row_int(q, 0, COLUMN_STATUS), outcome, NULL);
        else
                http_reply_problem(r, (unsigned)pg_row_int(q, 0, COLUMN_STATUS), outcome, "%s",
                                   pg_row_text(q, 0, COLUMN_ANSWER));
}

bool web_etag_not_modified(struct http_request *r, int64_t version)
{
        const char *header = http_request_header(r, "If-None-Match");
        char etag[WEB_ETAG_SIZE];

        web_etag_format(version, etag);
        http_reply_header(r, "ETag", etag);
        if (!header || !web_if_none_match(header, version))
                return false;
        http_reply_empty(r, 304);
        return true;
}
