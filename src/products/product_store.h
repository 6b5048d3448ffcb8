/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */
#pragma once

/* The catalogue's statements (sql/0004_products.sql) and the way from a row to JSON.
 *
 * Each function prepares `q` for one statement; the caller submits it on the lane that is named. Writes
 * answer one write_row (web/web_write.h). */

#include "pg/pg_query.h"
#include "products/product.h"
#include "web/web_list.h"
#include "web/web_write.h"

/* What every write is given besides its own values. */
struct product_write {
        struct web_write web;
        const char *request_id; /* borrowed */
};

/* READ: for each of the codes that has a product a row for product_store_write_row(), in no order. */
#define PRODUCT_FIND_MANY 16 /* codes in one statement; as many as a query has parameters */
void product_store_find(struct pg_query *q, const char *const *codes, size_t n_codes, pg_query_fn complete);
/* WRITE */
void product_store_create(struct pg_query *q, const struct product_write *w, const char *code,
                          const struct product *p, pg_query_fn complete);
void product_store_put(struct pg_query *q, const struct product_write *w, bool is_create, const char *code,
                       const struct product *p, pg_query_fn complete);
void product_store_patch(struct pg_query *q, const struct product_write *w, const char *code,
                         const struct product *p, pg_query_fn complete);
void product_store_delete(struct pg_query *q, const struct product_write *w, const char *code,
                          pg_query_fn complete);
/* EXCLUSIVE: it locks every product. */
void product_store_adjust_prices(struct pg_query *q, const struct product_write *w, const char *factor,
                                 pg_query_fn complete);

/* The two as tasks (sql/0006_tasks.sql), also EXCLUSIVE. `rows`: the inside of a JSON array, as
 * product_import.as_json has it. */
void product_store_task_adjust_prices(struct pg_query *q, const char *task_id, const char *request_id,
                                      const char *factor, pg_query_fn complete);
void product_store_task_import(struct pg_query *q, const char *task_id, const char *request_id,
                               bool is_create, const struct buf *rows, pg_query_fn complete);

/* The JSON of a product, straight from a row of product_store_find() or of the list: no tree, no copy but
 * one. The version is the last column. */
void product_store_write_row(struct buf *out, const struct pg_query *q, size_t row);
const char *product_store_row_code(const struct pg_query *q, size_t row);
int64_t product_store_row_version(const struct pg_query *q, size_t row);

extern const struct web_list_resource product_list_resource;
extern const struct web_list_resource product_history_resource;
void product_store_write_price(struct buf *out, const struct pg_query *q, size_t row);

/* A timestamp as PostgreSQL prints it in UTC ("2026-11-22 03:35:00.5", with or without "+00") as RFC 3339
 * with microseconds, in quotes. */
void product_store_write_time(struct buf *out, const char *text, size_t n);
