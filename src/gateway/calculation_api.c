/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */

#include <errno.h>
#include <stdio.h>

#include "base/parse.h"
#include "base/str.h"
#include "gateway/calculation_api.h"
#include "gateway/gateway.h"
#include "web/web_input.h"
#include "web/web_list.h"

static const char *const json_media[] = {"application/json", NULL};
static const char *const wait_parameters[] = {"wait", NULL};

struct op {
        struct http_request *request;
        struct calculation_command command;
        struct web_write write;
        unsigned pending_status; /* of an answer that is not final */
};

static void op_done(void *slot)
{
        struct op *op = slot;

        calculation_command_done(&op->command);
}

static struct op *op_new(struct http_request *r, unsigned pending_status)
{
        struct op *op = http_request_op(r, sizeof(*op), op_done);

        if (op) {
                op->request = r;
                op->pending_status = pending_status;
        }
        return op;
}

/* ---- Answers ---- */

static void reply_shown(struct op *op)
{
        struct calculation_command *c = &op->command;
        char location[64];
        struct buf body = BUF_EMPTY;

        /* One that is not kept has no place where it could be found. */
        if (c->is_kept) {
                (void)snprintf(location, sizeof(location), "/api/calculations/%s", c->id);
                http_reply_header(op->request, "Location", location);
        }
        if (c->is_replayed)
                http_reply_header(op->request, "Idempotency-Replayed", "true");
        buf_append(&body, c->json, c->json_size);
        if (buf_error(&body) < 0)
                http_reply_error(op->request, -ENOMEM);
        else
                http_reply_buf(op->request, c->is_final ? 200 : op->pending_status, "application/json",
                               &body);
        buf_done(&body);
}

static void on_complete(struct calculation_command *c)
{
        struct op *op = container_of(c, struct op, command);

        switch (c->outcome) {
        case CALCULATION_SHOWN:
                reply_shown(op);
                break;
        case CALCULATION_REFUSED:
                http_reply_problem(op->request, c->status, c->slug, "%s", c->detail);
                break;
        case CALCULATION_FAILED:
                http_reply_error(op->request, c->error);
                break;
        }
}

/* ---- Requests ---- */

/* wait=5s. 0; 1: answered with 400. */
static int read_wait(struct http_request *r, usec_t *ret_until_usec)
{
        const char *text = url_query_get(http_request_query(r), "wait");
        struct field_errors errors = {.n_errors = 0};
        usec_t wait = 0;

        *ret_until_usec = 0;
        if (text && (parse_usec(text, &wait) < 0 || wait > CALCULATION_WAIT_MAX)) {
                field_errors_add(&errors, "wait", "must be a time span of at most 60s, such as \"5s\"");
                http_reply_invalid(r, &errors);
                return 1;
        }
        if (wait > 0)
                *ret_until_usec = usec_add(clock_monotonic_usec(), wait);
        return 0;
}

/* 0; 1: answered with 400 or 404. */
static int read_id(struct http_request *r, const char **ret)
{
        *ret = http_request_segment(r, "id");
        if (calculation_id_is_valid(*ret))
                return 0;
        http_reply_problem(r, 404, "not-found", "there is no such calculation");
        return 1;
}

/* 0; 1: answered; -errno. */
static int read_input(struct op *op, usec_t until_usec, struct calculation_input *ret)
{
        struct http_request *r = op->request;
        struct field_errors errors = {.n_errors = 0};
        struct buf command = BUF_EMPTY;
        const char *text;
        size_t n;
        int k;

        text = http_request_body(r, &n);
        k = calculation_input_decode(text, n, ret, &errors);
        if (k == 0 && ret->is_transient && until_usec == 0) {
                field_errors_add(&errors, "/durable",
                                 "false is for callers that wait: add wait=5s to the URL");
                k = -EBADMSG;
        }
        if (k == -EBADMSG) {
                http_reply_invalid(r, &errors);
                return 1;
        }
        if (k < 0)
                return k;
        calculation_input_command(ret, &command);
        k = buf_error(&command);
        if (k == 0)
                k = web_write_read(r, "calculation.submit", &command, &op->write);
        buf_done(&command);
        return k;
}

int calculation_api_submit(struct http_request *r)
{
        struct gateway *d = http_request_context(r);
        struct op *op = op_new(r, 202);
        struct calculation_input input = {NULL};
        usec_t until_usec;
        size_t which;
        int k;

        if (!op)
                return -ENOMEM;
        if (web_input_parameters(r, wait_parameters) != 0 || web_input_media(r, json_media, &which) != 0 ||
            read_wait(r, &until_usec) != 0)
                return 0;
        k = read_input(op, until_usec, &input);
        if (k == 0) {
                const struct calculation_request request = {
                        .input = &input,
                        .key = op->write.key,
                        .hash = op->write.hash,
                        .request_id = http_request_id(r),
                        .wait_until_usec = until_usec,
                };

                k = calculation_submit(&op->command, d->calculations, &request, on_complete);
                if (k == 0)
                        http_request_log_field(r, "CALCULATION_ID", op->command.id);
        }
        calculation_input_done(&input);
        return MIN_OF(k, 0);
}

int calculation_api_get(struct http_request *r)
{
        struct gateway *d = http_request_context(r);
        struct op *op = op_new(r, 200);
        usec_t until_usec;
        const char *id;

        if (!op)
                return -ENOMEM;
        if (web_input_parameters(r, wait_parameters) != 0 || read_id(r, &id) != 0 ||
            read_wait(r, &until_usec) != 0)
                return 0;
        return calculation_get(&op->command, d->calculations, id, until_usec, on_complete);
}

int calculation_api_cancel(struct http_request *r)
{
        struct gateway *d = http_request_context(r);
        struct op *op = op_new(r, 200);
        struct buf command = BUF_EMPTY;
        const char *id;
        int k;

        if (!op)
                return -ENOMEM;
        if (web_input_parameters(r, NULL) != 0 || read_id(r, &id) != 0)
                return 0;
        buf_append_str(&command, id);
        k = buf_error(&command);
        if (k == 0)
                k = web_write_read(r, "calculation.cancel", &command, &op->write);
        buf_done(&command);
        if (k != 0)
                return MIN_OF(k, 0);
        http_request_log_field(r, "CALCULATION_ID", id);
        return calculation_cancel(&op->command, d->calculations, id, op->write.key, op->write.hash,
                                  on_complete);
}

/* ---- The list ---- */

static const struct web_field fields[] = {
        {"id", "id", WEB_FIELD_TEXT, .can_order = true, .can_filter = true},
        {"state", "state", WEB_FIELD_TEXT, .can_filter = true},
        {"operation", "operation", WEB_FIELD_TEXT, .can_filter = true},
        {"created_at", "created_at", WEB_FIELD_TIME, .can_filter = true},
        {"expression", "expression", WEB_FIELD_TEXT, .can_search = true},
        {NULL},
};

static const struct web_list_resource resource = {
        .path = "/api/calculations",
        .columns = "calculation_json(calculation)",
        .n_columns = 1,
        .from = "calculation",
        .fields = fields,
};

static void write_row(struct buf *out, const struct pg_query *q, size_t row)
{
        buf_append(out, pg_row_text(q, row, 0), pg_row_size(q, row, 0));
}

int calculation_api_list(struct http_request *r)
{
        struct gateway *d = http_request_context(r);
        struct web_list *list;
        int k = web_list_parse(r, &resource, &list);

        return k != 0 ? MIN_OF(k, 0) : web_list_submit(list, r, d->backend.pool, write_row);
}
