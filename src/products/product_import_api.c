/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */

/* POST /api/products:import : a stream of products, all or nothing.
 *
 * Rows go through COPY into a temporary table while they arrive; one SQL function then makes the write of
 * them, so that no product is locked while a client sends. Idempotency is the hash of the stream: known at
 * its end, looked up before the products are touched.
 *
 *     LEASING -> STAGING -> RECEIVING -> ENDING -> APPLYING -> COMMITTING -> ENDED
 *        \__________\__________\___________\___________\______________________^   refused, failed, gone
 *
 * A wrong line ends the hope of a commit but not the reading: the connection goes back at once, and the rest
 * is read to tell what else is wrong. */

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "auth/auth_digest.h"
#include "base/alloc.h"
#include "base/parse.h"
#include "base/str.h"
#include "contract/names.h"
#include "contract/problem.h"
#include "products/product_api.h"
#include "products/product_import.h"
#include "products/product_input.h"
#include "products/products.h"
#include "web/web_write.h"

static const char *const import_media[] = {"application/x-ndjson", "text/csv", "application/ndjson",
                                           "application/jsonl", NULL};

static const char stage_sql[] =
        "BEGIN; "
        "CREATE TEMPORARY TABLE product_staging (line bigint, code text COLLATE \"C\", description text, "
        "buying_price numeric, selling_price numeric) ON COMMIT DROP; "
        "COPY pg_temp.product_staging FROM STDIN";
static const char apply_sql[] = "SELECT * FROM product_import($1, $2, $3, $4)";

enum import_state {
        IMPORT_LEASING,   /* waits for a connection */
        IMPORT_STAGING,   /* makes the temporary table */
        IMPORT_RECEIVING, /* rows go as they come */
        IMPORT_ENDING,    /* the last row is on its way */
        IMPORT_APPLYING,
        IMPORT_COMMITTING,
        IMPORT_ENDED, /* answered, or about to be without the database */
        N_IMPORT_STATES,
};

static const unsigned import_next[N_IMPORT_STATES] = {
        [IMPORT_LEASING] = 1 << IMPORT_STAGING | 1 << IMPORT_ENDED,
        [IMPORT_STAGING] = 1 << IMPORT_RECEIVING | 1 << IMPORT_ENDED,
        [IMPORT_RECEIVING] = 1 << IMPORT_ENDING | 1 << IMPORT_ENDED,
        [IMPORT_ENDING] = 1 << IMPORT_APPLYING | 1 << IMPORT_ENDED,
        [IMPORT_APPLYING] = 1 << IMPORT_COMMITTING | 1 << IMPORT_ENDED,
        [IMPORT_COMMITTING] = 1 << IMPORT_ENDED,
};

struct import_op {
        struct http_request *request;
        enum import_state state;
        struct pg_session session;
        struct product_import import;
        struct auth_digest digest;
        struct web_write write;
        struct loop_timer stall, deadline;
        uint64_t n_bytes;
        bool is_create;
        bool is_blocked; /* the server takes no more for now */
        bool is_paused;  /* so the client was told to wait */
        bool body_ended;
        char *answer; /* of the write, until its commit */
        unsigned status;
};

static struct products *daemon_of(const struct import_op *op)
{
        return http_request_context(op->request);
}

static void advance(struct import_op *op, enum import_state state)
{
        assert(import_next[op->state] & 1U << state);
        op->state = state;
}

/* The connection goes back, whatever it was doing; nothing was written. */
static void let_go(struct import_op *op)
{
        if (op->state != IMPORT_ENDED)
                advance(op, IMPORT_ENDED);
        pg_session_close(&op->session);
        loop_timer_stop(&op->stall);
        loop_timer_stop(&op->deadline);
}

static void import_op_done(void *slot)
{
        struct import_op *op = slot;

        if (!op->request)
                return;
        pg_session_close(&op->session);
        loop_timer_done(&op->stall);
        loop_timer_done(&op->deadline);
        product_import_done(&op->import);
        free(op->answer);
}

/* ---- Answers ---- */

static void fail(struct import_op *op, int error)
{
        bool was_committing = op->state == IMPORT_COMMITTING;

        /* Before its COMMIT was sent, a lost transaction is certainly none. */
        if (error == -ECONNRESET && !was_committing)
                error = -ENOTCONN;
        if (error == -EIO)
                error = product_input_session_error(op->request, &op->session);
        let_go(op);
        http_reply_error(op->request, error);
}

/* A problem whose errors name lines; `errors` is the inside of a JSON array. */
static void reply_lines(struct http_request *r, unsigned status, const char *slug, const char *detail,
                        const char *errors, size_t n)
{
        struct buf body = BUF_EMPTY;

        problem_write(&body, status, slug, detail, NULL);
        if (buf_error(&body) == 0) {
                body.end--; /* back over the closing brace: the errors of lines have one member more */
                buf_append_str(&body, ",\"errors\":[");
                buf_append(&body, errors, n);
                buf_append_str(&body, "]}");
        }
        http_reply_buf(r, status, "application/problem+json", &body);
}

static void refuse_lines(struct import_op *op)
{
        let_go(op);
        reply_lines(op->request, 400, "invalid-input", "nothing was imported: there are wrong lines",
                    buf_bytes(&op->import.errors), buf_size(&op->import.errors));
}

static void reply_outcome(struct http_request *r, const char *outcome, unsigned status, const char *answer)
{
        size_t n = strlen(answer);

        if (streq(outcome, "replayed"))
                http_reply_header(r, "Idempotency-Replayed", "true");
        if (streq(outcome, "done") || streq(outcome, "replayed"))
                http_reply_text(r, status, "application/json", answer);
        else if (n >= 2 && answer[0] == '[')
                reply_lines(r, status, outcome, "nothing was imported", answer + 1, n - 2);
        else
                http_reply_problem(r, status, outcome, "%s", answer);
}

/* ---- Towards the database ---- */

/* What has been decoded goes out; then the client may send more, or the COPY ends. */
static void push_rows(struct import_op *op)
{
        int r = 0;

        if (op->state != IMPORT_RECEIVING || op->is_blocked)
                return;
        if (buf_size(&op->import.rows) > 0) {
                r = pg_session_copy_data(&op->session, buf_bytes(&op->import.rows),
                                         buf_size(&op->import.rows));
                buf_reset(&op->import.rows);
        }
        if (r < 0) {
                fail(op, r);
                return;
        }
        op->is_blocked = r > 0;
        if (op->is_blocked)
                return;
        if (op->body_ended) {
                advance(op, IMPORT_ENDING);
                r = pg_session_copy_end(&op->session, NULL);
                if (r < 0)
                        fail(op, r);
        } else if (op->is_paused) {
                op->is_paused = false;
                http_body_resume(op->request);
        }
}

static void on_ready(struct pg_session *s, int status)
{
        struct import_op *op = container_of(s, struct import_op, session);

        if (status == 0) {
                advance(op, IMPORT_STAGING);
                status = pg_session_run(s, stage_sql);
        }
        if (status < 0)
                fail(op, status);
}

static void on_writable(struct pg_session *s)
{
        struct import_op *op = container_of(s, struct import_op, session);

        if (op->state == IMPORT_STAGING)
                advance(op, IMPORT_RECEIVING);
        op->is_blocked = false;
        push_rows(op);
}

static int apply(struct import_op *op)
{
        const char *params[] = {op->write.key, op->write.hash, http_request_id(op->request),
                                op->is_create ? "true" : "false"};

        advance(op, IMPORT_APPLYING);
        return pg_session_run_params(&op->session, apply_sql, ARRAY_SIZE(params), params);
}

/* The write's row; what is no success ends here, the transaction with it. */
static int on_applied(struct import_op *op)
{
        _cleanup_free_ char *outcome = strdup(pg_session_text(&op->session, 0, 0));
        _cleanup_free_ char *answer = strdup(pg_session_text(&op->session, 0, 4));
        uint64_t status;
        int r;

        if (!outcome || !answer)
                return -ENOMEM;
        r = parse_u64(pg_session_text(&op->session, 0, 1), 100, 599, &status);
        if (r < 0)
                return r;
        if (!streq(outcome, "done")) {
                let_go(op);
                reply_outcome(op->request, outcome, (unsigned)status, answer);
                return 0;
        }
        op->answer = TAKE_PTR(answer);
        op->status = (unsigned)status;
        advance(op, IMPORT_COMMITTING);
        return pg_session_run(&op->session, "COMMIT");
}

static void on_committed(struct import_op *op)
{
        struct products *d = daemon_of(op);

        d->counters.n_imports++;
        d->counters.n_imported += op->import.n_rows;
        event_relay_poke(d->backend.relay);
        let_go(op);
        reply_outcome(op->request, "done", op->status, op->answer);
}

static void on_done(struct pg_session *s, int status)
{
        struct import_op *op = container_of(s, struct import_op, session);
        int r = status;

        if (r == 0 && op->state == IMPORT_ENDING)
                r = apply(op);
        else if (r == 0 && op->state == IMPORT_APPLYING)
                r = on_applied(op);
        else if (r == 0 && op->state == IMPORT_COMMITTING) {
                on_committed(op);
                return;
        } else if (r == 0)
                r = -EIO; /* COPY ended before we said so */
        if (r < 0)
                fail(op, r);
}

static const struct pg_session_handler session_handler = {
        .ready = on_ready,
        .done = on_done,
        .writable = on_writable,
};

/* ---- From the client ---- */

static void on_stall(struct loop_timer *t)
{
        struct import_op *op = container_of(t, struct import_op, stall);

        if (op->is_paused || op->body_ended)
                return;
        let_go(op);
        http_reply_problem(op->request, 408, "request-timeout", "the stream stood still for too long");
}

static void on_deadline(struct loop_timer *t)
{
        struct import_op *op = container_of(t, struct import_op, deadline);

        fail(op, op->state == IMPORT_COMMITTING ? -ECONNRESET : -ETIMEDOUT);
}

static void expect_more(struct import_op *op)
{
        struct products *d = daemon_of(op);

        (void)loop_timer_start(&op->stall, service_loop(d->service), d->conf->products.bulk_stall_usec,
                               on_stall);
}

/* With a wrong line the database is no longer needed. True: the answer was given. */
static bool is_over(struct import_op *op, int r)
{
        if (r == -E2BIG) {
                refuse_lines(op);
                return true;
        }
        if (r < 0) {
                fail(op, r);
                return true;
        }
        if (op->import.n_errors > 0) {
                if (op->state != IMPORT_ENDED)
                        let_go(op);
                expect_more(op);
                buf_reset(&op->import.rows);
                if (op->body_ended)
                        refuse_lines(op);
                return op->body_ended;
        }
        return false;
}

static int on_piece(struct http_request *r, const void *p, size_t n)
{
        struct import_op *op = http_request_slot(r);
        struct products *d = daemon_of(op);

        op->n_bytes += n;
        if (op->n_bytes > d->conf->products.import_max) {
                let_go(op);
                http_reply_problem(r, 413, "body-too-large", "an import may have %llu bytes (MaxImport=)",
                                   (unsigned long long)d->conf->products.import_max);
                return 0;
        }
        auth_digest_add(&op->digest, p, n);
        if (is_over(op, product_import_feed(&op->import, p, n)) || op->import.n_errors > 0)
                return 0;
        expect_more(op);
        op->is_paused = op->state < IMPORT_RECEIVING || op->is_blocked;
        if (!op->is_paused) {
                push_rows(op);
                op->is_paused = op->is_blocked;
        }
        return op->is_paused;
}

static void on_end(struct http_request *r)
{
        struct import_op *op = http_request_slot(r);

        op->body_ended = true;
        auth_digest_hex(&op->digest, op->write.hash);
        if (!is_over(op, product_import_end(&op->import)))
                push_rows(op);
}

static void on_gone(struct http_request *r)
{
        struct import_op *op = http_request_slot(r);

        let_go(op);
}

static const struct http_body_handler body_handler = {
        .piece = on_piece,
        .end = on_end,
        .gone = on_gone,
};

/* ---- Begin ---- */

/* ?mode=replace (the default: create, or replace what is there) or create (refuse what is there). */
static int read_mode(struct http_request *r, bool *ret_is_create)
{
        static const char *const known[] = {"mode", NULL};
        struct field_errors errors = {.n_errors = 0};
        const char *mode;

        if (web_input_parameters(r, known) != 0)
                return 1;
        mode = url_query_get(http_request_query(r), "mode");
        if (mode && !streq(mode, "replace") && !streq(mode, "create")) {
                field_errors_add(&errors, "mode", "must be replace or create");
                http_reply_invalid(r, &errors);
                return 1;
        }
        *ret_is_create = mode && streq(mode, "create");
        return 0;
}

static int start(struct import_op *op, enum import_format format)
{
        struct products *d = daemon_of(op);
        int r;

        product_import_init(&op->import, format, d->conf->products.import_errors_max);
        /* The same bytes mean something else in another mode or format. */
        auth_digest_init(&op->digest);
        auth_digest_add(&op->digest, op->is_create ? "c" : "r", 1);
        auth_digest_add(&op->digest, format == IMPORT_CSV ? "c" : "n", 1);
        r = pg_session_open(&op->session, d->backend.pool, http_request_deadline(op->request),
                            &session_handler);
        if (r < 0)
                return r;
        r = loop_timer_start(&op->deadline, service_loop(d->service), d->conf->products.bulk_timeout_usec,
                             on_deadline);
        if (r < 0) {
                let_go(op);
                return r;
        }
        expect_more(op);
        http_body_receive(op->request, &body_handler);
        return 0;
}

int product_api_import(struct http_request *r)
{
        struct import_op *op = http_request_op(r, sizeof(*op), import_op_done);
        size_t media;
        int k;

        if (!op)
                return -ENOMEM;
        op->request = r;
        if (read_mode(r, &op->is_create) != 0 || web_input_media(r, import_media, &media) != 0)
                return 0;
        k = web_write_read_headers(r, &op->write);
        if (k != 0)
                return MIN_OF(k, 0);
        return start(op, import_media[media][0] == 't' ? IMPORT_CSV : IMPORT_NDJSON);
}
