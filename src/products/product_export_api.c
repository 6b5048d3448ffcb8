/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */

/* GET /api/products:export : the whole catalogue as one consistent stream, by code.
 *
 * COPY TO STDOUT on a leased connection: PostgreSQL makes the text, we pass it on. A client that does not
 * read stops the rows, and after BulkStallSec loses its place: the connection is wanted by others. */

#include <errno.h>
#include <string.h>
#include <strings.h>

#include "base/str.h"
#include "products/product_api.h"
#include "products/product_input.h"
#include "products/products.h"

/* One JSON text per line. COPY's own text format would escape it once more; its CSV format leaves alone what
 * holds neither of these two bytes, and in JSON they are always escaped. */
#define NDJSON_SQL                                                                                           \
        "COPY (SELECT product_json(code, description, buying_price, selling_price, created_at, updated_at, " \
        "version) FROM product WHERE deleted_at IS NULL ORDER BY code) TO STDOUT "                           \
        "(FORMAT csv, QUOTE E'\\x01', DELIMITER E'\\x02')"
#define CSV_SQL                                                                                              \
        "COPY (SELECT code, description, buying_price, selling_price, rfc3339(created_at) AS created_at, "   \
        "rfc3339(updated_at) AS updated_at, version FROM product WHERE deleted_at IS NULL ORDER BY code) "   \
        "TO STDOUT (FORMAT csv, HEADER)"

struct export_format {
        const char *name, *media, *sql, *disposition;
};

static const struct export_format formats[] = {
        {"ndjson", "application/x-ndjson", NDJSON_SQL, "attachment; filename=\"products.ndjson\""},
        {"csv", "text/csv; charset=utf-8; header=present", CSV_SQL, "attachment; filename=\"products.csv\""},
};

struct export_op {
        struct http_request *request;
        const struct export_format *format;
        struct pg_session session;
        struct loop_timer stall, deadline;
        bool is_streaming; /* 200 was said */
        bool has_ended;
};

static struct products *daemon_of(const struct export_op *op)
{
        return http_request_context(op->request);
}

static void let_go(struct export_op *op)
{
        op->has_ended = true;
        pg_session_close(&op->session);
        loop_timer_stop(&op->stall);
        loop_timer_stop(&op->deadline);
}

static void export_op_done(void *slot)
{
        struct export_op *op = slot;

        if (!op->request)
                return;
        pg_session_close(&op->session);
        loop_timer_done(&op->stall);
        loop_timer_done(&op->deadline);
}

/* Too late for a status once the stream runs: then it is cut, so that nobody takes a part for the whole. */
static void fail(struct export_op *op, int error)
{
        if (op->has_ended)
                return;
        if (error == -EIO)
                error = product_input_session_error(op->request, &op->session);
        let_go(op);
        if (op->is_streaming)
                http_stream_end(op->request, false);
        else
                http_reply_error(op->request, error);
}

/* ---- Towards the client ---- */

static void on_late(struct loop_timer *t)
{
        fail(container_of(t, struct export_op, stall), -ETIMEDOUT);
}

static void on_deadline(struct loop_timer *t)
{
        fail(container_of(t, struct export_op, deadline), -ETIMEDOUT);
}

static void on_client_writable(struct http_request *r)
{
        struct export_op *op = http_request_slot(r);

        loop_timer_stop(&op->stall);
        if (!op->has_ended)
                pg_session_pause(&op->session, false);
}

static void on_client_gone(struct http_request *r)
{
        struct export_op *op = http_request_slot(r);

        let_go(op);
}

static const struct http_stream_handler stream_handler = {
        .writable = on_client_writable,
        .gone = on_client_gone,
};

static int start_stream(struct export_op *op)
{
        if (op->is_streaming)
                return 0;
        op->is_streaming = true;
        http_reply_header(op->request, "Content-Disposition", op->format->disposition);
        return http_reply_stream(op->request, 200, op->format->media, &stream_handler);
}

/* ---- From the database ---- */

static void on_ready(struct pg_session *s, int status)
{
        struct export_op *op = container_of(s, struct export_op, session);

        if (status == 0)
                status = pg_session_run(s, op->format->sql);
        if (status < 0)
                fail(op, status);
}

static void on_row(struct pg_session *s, const char *data, size_t n)
{
        struct export_op *op = container_of(s, struct export_op, session);
        struct products *d = daemon_of(op);
        int r;

        r = start_stream(op);
        if (r < 0) {
                let_go(op);
                return;
        }
        r = http_stream_write(op->request, data, n);
        if (r < 0) {
                fail(op, r);
                return;
        }
        if (r > 0 && !op->has_ended) {
                pg_session_pause(s, true);
                (void)loop_timer_start(&op->stall, service_loop(d->service),
                                       d->conf->products.bulk_stall_usec, on_late);
        }
}

static void on_done(struct pg_session *s, int status)
{
        struct export_op *op = container_of(s, struct export_op, session);

        if (status < 0) {
                fail(op, status == -ECONNRESET ? -ENOTCONN : status);
                return;
        }
        let_go(op);
        if (start_stream(op) < 0)
                return;
        daemon_of(op)->counters.n_exports++;
        http_stream_end(op->request, true);
}

static const struct pg_session_handler session_handler = {
        .ready = on_ready,
        .done = on_done,
        .row = on_row,
};

/* ---- Begin ---- */

/* ?format=, or what Accept prefers; NDJSON when neither says. */
static int read_format(struct http_request *r, const struct export_format **ret)
{
        static const char *const known[] = {"format", NULL};
        struct field_errors errors = {.n_errors = 0};
        const char *name, *accept;

        if (web_input_parameters(r, known) != 0)
                return 1;
        name = url_query_get(http_request_query(r), "format");
        accept = http_request_header(r, "Accept");
        if (!name)
                name = accept && strcasestr(accept, "text/csv") && !strcasestr(accept, "ndjson") ? "csv"
                                                                                                 : "ndjson";
        for (size_t i = 0; i < ARRAY_SIZE(formats); i++)
                if (streq(name, formats[i].name)) {
                        *ret = &formats[i];
                        return 0;
                }
        field_errors_add(&errors, "format", "must be ndjson or csv");
        http_reply_invalid(r, &errors);
        return 1;
}

int product_api_export(struct http_request *r)
{
        struct export_op *op = http_request_op(r, sizeof(*op), export_op_done);
        struct products *d = http_request_context(r);
        int k;

        if (!op)
                return -ENOMEM;
        op->request = r;
        if (read_format(r, &op->format) != 0)
                return 0;
        if (streq(http_request_method(r), "HEAD")) {
                http_reply_text(r, 200, op->format->media, "");
                return 0;
        }
        k = pg_session_open(&op->session, d->backend.pool, http_request_deadline(r), &session_handler);
        if (k < 0)
                return k;
        k = loop_timer_start(&op->deadline, service_loop(d->service), d->conf->products.bulk_timeout_usec,
                             on_deadline);
        if (k < 0)
                let_go(op);
        return k;
}
