/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */

/* Writing the catalogue, one product or all prices at a time. Each handler reads and judges the request, then
 * leaves the rest to one SQL function. */

#include <errno.h>

#include "base/str.h"
#include "products/product_api.h"
#include "products/product_input.h"
#include "products/product_store.h"
#include "products/products.h"
#include "json/jwrite.h"

static const char *const json_media[] = {"application/json", NULL};
static const char *const patch_media[] = {"application/merge-patch+json", "application/json", NULL};

struct write_op {
        struct http_request *request;
        struct pg_query query;
        struct product product;
        struct product_write write;
};

static void write_op_done(void *slot)
{
        struct write_op *op = slot;

        pg_query_done(&op->query);
        product_done(&op->product);
}

static struct write_op *write_op_new(struct http_request *r)
{
        struct write_op *op = http_request_op(r, sizeof(*op), write_op_done);

        if (op) {
                op->request = r;
                op->write.request_id = http_request_id(r);
        }
        return op;
}

static void on_written(struct pg_query *q)
{
        struct write_op *op = container_of(q, struct write_op, query);
        struct products *d = http_request_context(op->request);

        if (q->status == 0)
                event_relay_poke(d->backend.relay);
        web_write_reply(op->request, q);
}

static int submit(struct write_op *op, enum pg_lane lane, usec_t deadline_usec)
{
        struct products *d = http_request_context(op->request);

        return pg_query_submit(&op->query, d->backend.pool, lane, deadline_usec);
}

static int submit_write(struct write_op *op, const char *code)
{
        http_request_log_field(op->request, "PRODUCT_CODE", code);
        return submit(op, PG_LANE_WRITE, http_request_deadline(op->request));
}

/* Parameters, body, key and condition of a write. 0; 1 answered; -errno. `target` NULL: a create. */
static int read_write(struct write_op *op, const char *operation, const char *const *media,
                      enum product_form form, const char *target)
{
        struct http_request *r = op->request;
        struct buf command = BUF_EMPTY;
        size_t which;
        int k;

        if (web_input_parameters(r, NULL) != 0 || web_input_media(r, media, &which) != 0)
                return 1;
        k = product_input_body(r, form, target, &op->product);
        if (k != 0)
                return k;
        product_command(&command, target ? target : op->product.code, &op->product);
        k = buf_error(&command);
        if (k == 0)
                k = web_write_read(r, operation, &command, &op->write.web);
        buf_done(&command);
        return k;
}

int product_api_create(struct http_request *r)
{
        char made[PRODUCT_CODE_MADE_SIZE];
        struct write_op *op = write_op_new(r);
        const char *code;
        int k;

        if (!op)
                return -ENOMEM;
        k = read_write(op, "product.create", json_media, PRODUCT_WHOLE, NULL);
        if (k != 0)
                return MIN_OF(k, 0);
        code = op->product.code;
        if (!code) {
                product_code_make(made);
                code = made;
        }
        product_store_create(&op->query, &op->write, code, &op->product, on_written);
        return submit_write(op, code);
}

int product_api_put(struct http_request *r)
{
        const char *code = http_request_segment(r, "code");
        struct write_op *op = write_op_new(r);
        bool is_create;
        int k;

        if (!op)
                return -ENOMEM;
        if (!product_code_is_valid(code)) {
                http_reply_problem(r, 400, "invalid-input",
                                   "a code is 1 to %d of A-Z a-z 0-9 . _ - and neither \".\" nor \"..\"",
                                   PRODUCT_CODE_MAX);
                return 0;
        }
        if (product_input_create_only(r, &is_create) != 0)
                return 0;
        k = read_write(op, "product.put", json_media, PRODUCT_WHOLE, code);
        if (k != 0)
                return MIN_OF(k, 0);
        product_store_put(&op->query, &op->write, is_create, code, &op->product, on_written);
        return submit_write(op, code);
}

int product_api_patch(struct http_request *r)
{
        struct write_op *op = write_op_new(r);
        const char *code;
        int k;

        if (!op)
                return -ENOMEM;
        if (product_input_code(r, &code) != 0)
                return 0;
        k = read_write(op, "product.patch", patch_media, PRODUCT_PATCH, code);
        if (k != 0)
                return MIN_OF(k, 0);
        product_store_patch(&op->query, &op->write, code, &op->product, on_written);
        return submit_write(op, code);
}

int product_api_delete(struct http_request *r)
{
        struct write_op *op = write_op_new(r);
        struct buf command = BUF_EMPTY;
        const char *code;
        int k;

        if (!op)
                return -ENOMEM;
        if (web_input_parameters(r, NULL) != 0 || product_input_code(r, &code) != 0)
                return 0;
        product_command(&command, code, &op->product);
        k = buf_error(&command);
        if (k == 0)
                k = web_write_read(r, "product.delete", &command, &op->write.web);
        buf_done(&command);
        if (k != 0)
                return MIN_OF(k, 0);
        product_store_delete(&op->query, &op->write, code, on_written);
        return submit_write(op, code);
}

/* ---- All prices ---- */

static void on_adjusted(struct pg_query *q)
{
        struct write_op *op = container_of(q, struct write_op, query);
        struct products *d = http_request_context(op->request);

        if (q->status == 0 && pg_query_rows(q) == 1 && streq(pg_row_text(q, 0, 0), "done"))
                d->counters.n_adjustments++;
        on_written(q);
}

/* 0; 1 answered; -errno. */
static int read_factor(struct write_op *op, char factor[PRODUCT_FACTOR_SIZE])
{
        struct field_errors errors = {.n_errors = 0};
        struct buf command = BUF_EMPTY;
        const char *text;
        size_t n;
        int k;

        text = http_request_body(op->request, &n);
        k = product_factor_decode(text, n, factor, &errors);
        if (k == -EBADMSG) {
                http_reply_invalid(op->request, &errors);
                return 1;
        }
        if (k < 0)
                return k;
        buf_append_str(&command, factor);
        k = buf_error(&command);
        if (k == 0)
                k = web_write_read(op->request, "product.adjust-prices", &command, &op->write.web);
        buf_done(&command);
        return k;
}

int product_api_adjust_prices(struct http_request *r)
{
        struct products *d = http_request_context(r);
        struct write_op *op = write_op_new(r);
        char factor[PRODUCT_FACTOR_SIZE];
        size_t which;
        int k;

        if (!op)
                return -ENOMEM;
        if (web_input_parameters(r, NULL) != 0 || web_input_media(r, json_media, &which) != 0)
                return 0;
        k = read_factor(op, factor);
        if (k != 0)
                return MIN_OF(k, 0);
        http_request_log_field(r, "FACTOR", factor);
        product_store_adjust_prices(&op->query, &op->write, factor, on_adjusted);
        return submit(op, PG_LANE_EXCLUSIVE,
                      usec_add(clock_monotonic_usec(), d->conf->products.bulk_timeout_usec));
}
