/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */

/* Reading the catalogue. */

#include <errno.h>

#include "products/product_api.h"
#include "products/product_input.h"
#include "products/product_store.h"
#include "products/products.h"

#define PRODUCT_ANSWER_SIZE 512 /* fits nearly every product: one allocation for the answer */

struct get_op {
        struct http_request *request;
        struct product_find find;
};

static void get_op_done(void *op)
{
        product_find_cancel(&((struct get_op *)op)->find);
}

/* ---- One product ---- */

static void on_found(struct product_find *f, int status, const struct pg_query *q, size_t row)
{
        struct http_request *r = container_of(f, struct get_op, find)->request;
        struct buf body = BUF_EMPTY;

        if (status < 0) {
                http_reply_error(r, status);
                return;
        }
        if (!q) {
                product_input_not_found(r, http_request_segment(r, "code"));
                return;
        }
        if (web_etag_not_modified(r, product_store_row_version(q, row)))
                return;
        (void)buf_reserve(&body, PRODUCT_ANSWER_SIZE);
        product_store_write_row(&body, q, row);
        http_reply_buf(r, 200, "application/json", &body);
}

int product_api_get(struct http_request *r)
{
        struct products *d = http_request_context(r);
        struct get_op *op;
        const char *code;

        if (web_input_parameters(r, NULL) != 0 || product_input_code(r, &code) != 0)
                return 0;
        op = http_request_op(r, sizeof(*op), get_op_done);
        if (!op)
                return -ENOMEM;
        op->request = r;
        return product_find_submit(&op->find, d->lookup, code, http_request_deadline(r), on_found);
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
        return web_list_submit(list, r, d->backend.pool, product_store_write_row);
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
        return web_list_submit(list, r, d->backend.pool, product_store_write_price);
}
