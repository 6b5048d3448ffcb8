/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */
#pragma once

/* The statements of records (sql/0005_records.sql) and the way from a row to JSON. */

#include "gateway/record.h"
#include "web/web_list.h"
#include "json/jwrite.h"

/* One of record_add()'s items, and its row. */
void record_store_write_item(struct buf *out, const struct record_add *a);
void record_store_read_added(const struct pg_query *q, size_t row, struct record_result *ret);

/* READ: at most one row, for record_store_write_row(). */
void record_store_find(struct pg_query *q, int64_t id, pg_query_fn complete);
/* READ: at most `limit` rows with an id below `before`, the newest first; of all kinds of clients when
 * `client_type` is
 * "". */
void record_store_page(struct pg_query *q, int64_t before, const char *client_type, unsigned limit,
                       pg_query_fn complete);
/* READ: those after this total, at most RECORD_STORE_AFTER_MAX of them, by total. */
#define RECORD_STORE_AFTER_MAX 100 /* 4 MB, if all are as long as they may be */
void record_store_after(struct pg_query *q, int64_t total, pg_query_fn complete);
size_t record_store_after_rows(const struct pg_query *q);
/* The newest total when it was read. */
int64_t record_store_after_last(const struct pg_query *q);
extern const struct web_list_resource record_list_resource;

struct record_view { /* a row; texts of the query */
        int64_t id, total;
        const char *message, *client_type, *created_at;
        size_t message_size;
};
struct record_view record_store_view(const struct pg_query *q, size_t row);
void record_store_write_row(struct buf *out, const struct pg_query *q, size_t row);

/* The same JSON of a record that was just added. */
void record_store_write_added(struct buf *out, const struct record_add *a, const struct record_result *r);
