/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */

/* Reading the catalogue. */

#include <errno.h>

#include "products/product_api.h"
#include "products/product_input.h"
#include "products/product_store.h"
#include "products/products.h"

#define PRODUCT_ANSWER_SIZE 512 /* fits nearly every product: one allocation for the answer */

struct read_op {
        struct http_request *request;
        struct pg_query query;
};

static void read_op_done(void *op)
{
        pg_query_done(&((struct read_op *)op)->query);
}

static struct read_op *read_op_new(struct http_request *r)
{
        struct read_op *op = http_request_op(r, sizeof(*op), read_op_done);

        if (op)
                op->request = r;
        return op;
}

static int submit(struct read_op *op)
{
        struct products *d = http_request_context(op->request);

        return pg_query_submit(&op->query, d->pool, PG_LANE_READ, http_request_deadline(op->request));
}

/* ---- One product ---- */

static void on_found(struct pg_query *q)
{
        struct read_op *op = container_of(q, struct read_op, query);
        struct http_request *r = op->request;
        struct buf body = BUF_EMPTY;

        if (q->status < 0) {
                http_reply_error(r, q->status);
                return;
        }
        if (pg_query_rows(q) == 0) {
                product_input_not_found(r, http_request_segment(r, "code"));
                return;
        }
        if (web_etag_not_modified(r, product_store_row_version(q, 0)))
                return;
        (void)buf_reserve(&body, PRODUCT_ANSWER_SIZE);
        product_store_write_row(&body, q, 0);
        http_reply_buf(r, 200, "application/json", &body);
}

int product_api_get(struct http_request *r)
{
        struct read_op *op;
        const char *code;

        if (web_input_parameters(r, NULL) != 0 || product_input_code(r, &code) != 0)
                return 0;
        op = read_op_new(r);
        if (!op)
                return -ENOMEM;
        product_store_find(&op->query, code, on_found);
        return submit(op);
}

/* ---- Lists ---- */

int product_api_list(struct http_request *r)
{
        struct products *d = http_request_context(r);
        struct web_list *list;
        int k;

        k = web_list_parse(r, &product_list_resource, &list);
        if (k != 0)
                return MIN_OF(k, 0);
        return web_list_submit(list, r, d->pool, product_store_write_row);
}

int product_api_history(struct http_request *r)
{
        struct products *d = http_request_context(r);
        struct web_list *list;
        const char *code;
        int k;

        if (product_input_code(r, &code) != 0)
                return 0;
        k = web_list_parse(r, &product_history_resource, &list);
        if (k != 0)
                return MIN_OF(k, 0);
        return web_list_submit(list, r, d->pool, product_store_write_price);
}
