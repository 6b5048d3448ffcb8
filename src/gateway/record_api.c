/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */

/* Records over REST. */

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

#include "base/alloc.h"
#include "base/parse.h"
#include "gateway/gateway.h"
#include "gateway/record_api.h"
#include "gateway/record_store.h"
#include "web/web_input.h"

/* ---- Adding ---- */

struct add_op {
        struct http_request *request;
        char *message; /* owned */
        struct web_write write;
        struct record_add add;
};

static void add_op_done(void *slot)
{
        struct add_op *op = slot;

        record_add_cancel(&op->add);
        free(op->message);
}

static void reply_record(struct add_op *op, const struct record_result *result)
{
        struct http_request *r = op->request;
        struct buf body = BUF_EMPTY;
        char text[64];

        snprintf(text, sizeof(text), "%" PRId64, result->id);
        http_request_log_field(r, "RECORD_ID", text);
        snprintf(text, sizeof(text), "/api/records/%" PRId64, result->id);
        http_reply_header(r, "Location", text);
        if (result->outcome == RECORD_REPLAYED)
                http_reply_header(r, "Idempotency-Replayed", "true");
        record_store_write_added(&body, &op->add, result);
        http_reply_buf(r, 201, "application/json", &body);
        buf_done(&body);
}

static void on_added(struct record_add *a, const struct record_result *result)
{
        struct add_op *op = container_of(a, struct add_op, add);

        if (result->status < 0)
                web_write_reply_failure(op->request, result->status, result->sqlstate, result->error);
        else if (result->outcome == RECORD_KEY_REUSED)
                http_reply_problem(op->request, 422, "idempotency-key-reused",
                                   "this Idempotency-Key was used with another message");
        else
                reply_record(op, result);
}

/* 0; 1: answered; -errno. */
static int read_message(struct add_op *op)
{
        static const char *const media[] = {"application/json", NULL};
        struct field_errors errors = {.n_errors = 0};
        const char *text;
        size_t which, n;
        int k;

        if (web_input_parameters(op->request, NULL) != 0 || web_input_media(op->request, media, &which) != 0)
                return 1;
        text = http_request_body(op->request, &n);
        k = record_message_decode_json(text, n, &op->message, &errors);
        if (k != -EBADMSG)
                return k;
        http_reply_invalid(op->request, &errors);
        return 1;
}

int record_api_create(struct http_request *r)
{
        struct gateway *d = http_request_context(r);
        struct add_op *op = http_request_op(r, sizeof(*op), add_op_done);
        int k;

        if (!op)
                return -ENOMEM;
        op->request = r;
        k = read_message(op);
        if (k == 0)
                k = web_write_read_headers(r, &op->write);
        if (k != 0)
                return MIN_OF(k, 0);
        op->add = (struct record_add){
                .door = RECORD_REST,
                .message = op->message,
                .message_size = strlen(op->message),
                .key = op->write.key,
                .request_id = http_request_id(r),
                .deadline_usec = http_request_deadline(r),
                .complete = on_added,
        };
        return record_add_submit(&op->add, d->records);
}

/* ---- Reading ---- */

struct get_op {
        struct http_request *request;
        struct pg_query query;
};

static void get_op_done(void *slot)
{
        pg_query_done(&((struct get_op *)slot)->query);
}

static void reply_not_found(struct http_request *r)
{
        http_reply_problem(r, 404, "not-found", "there is no such record");
}

static void on_found(struct pg_query *q)
{
        struct http_request *r = container_of(q, struct get_op, query)->request;
        struct buf body = BUF_EMPTY;

        if (q->status < 0) {
                http_reply_error(r, q->status);
                return;
        }
        if (pg_query_rows(q) == 0) {
                reply_not_found(r);
                return;
        }
        record_store_write_row(&body, q, 0);
        http_reply_buf(r, 200, "application/json", &body);
        buf_done(&body);
}

int record_api_get(struct http_request *r)
{
        struct gateway *d = http_request_context(r);
        struct get_op *op;
        int64_t id;

        if (web_input_parameters(r, NULL) != 0)
                return 0;
        if (parse_i64(http_request_segment(r, "id"), &id) < 0) {
                reply_not_found(r);
                return 0;
        }
        op = http_request_op(r, sizeof(*op), get_op_done);
        if (!op)
                return -ENOMEM;
        op->request = r;
        record_store_find(&op->query, id, on_found);
        return pg_query_submit(&op->query, d->backend.pool, PG_LANE_READ, http_request_deadline(r));
}

int record_api_list(struct http_request *r)
{
        struct gateway *d = http_request_context(r);
        struct web_list *list;
        int k;

        k = web_list_parse(r, &record_list_resource, &list);
        if (k != 0)
                return MIN_OF(k, 0);
        return web_list_submit(list, r, d->backend.pool, record_store_write_row);
}
