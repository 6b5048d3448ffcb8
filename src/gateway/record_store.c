/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */
#include "gateway/record_store.h"

#include <inttypes.h>
#include <string.h>

#include "base/str.h"

/* Read in record_store_write_row(), in this order. */
#define RECORD_COLUMNS "id, message, client_type, rfc3339(created_at) AS shown_at, total"
enum record_column { ID, MESSAGE, CLIENT_TYPE, CREATED_AT, TOTAL, N_COLUMNS };
enum added_column { ADDED_OUTCOME, ADDED_ID, ADDED_CLIENT_TYPE, ADDED_CREATED_AT, ADDED_TOTAL };

static const struct pg_statement find_statement = {
        "record_find",
        "SELECT " RECORD_COLUMNS " FROM record WHERE id = $1",
};
static const struct pg_statement page_statement = {
        "record_page",
        "SELECT " RECORD_COLUMNS " FROM record WHERE id < $1 AND ($2 = '' OR client_type = $2)"
        " ORDER BY id DESC LIMIT $3",
};
/* One row at least, for the newest total; the records are null then. */
static const struct pg_statement after_statement = {
        "record_after",
        "SELECT r.*, c.last FROM counter c LEFT JOIN LATERAL ("
        "       SELECT " RECORD_COLUMNS " FROM record WHERE total > $1"
        "        ORDER BY total LIMIT $2) r ON true"
        " WHERE c.name = 'record' ORDER BY r.total",
};

static const struct web_field list_fields[] = {
        {"id", "id", WEB_FIELD_INT, .can_order = true, .can_filter = true},
        {"message", "message", WEB_FIELD_TEXT, .can_filter = true, .can_search = true},
        {"client_type", "client_type", WEB_FIELD_TEXT, .can_filter = true},
        {"created_at", "created_at", WEB_FIELD_TIME, .can_order = true, .can_filter = true},
        {"total", "total", WEB_FIELD_INT, .can_order = true, .can_filter = true},
        {NULL},
};
const struct web_list_resource record_list_resource = {
        .path = "/api/records",
        .columns = RECORD_COLUMNS,
        .n_columns = N_COLUMNS,
        .from = "record",
        .fields = list_fields,
};

/* ---- Adding ---- */

void record_store_write_item(struct buf *out, const struct record_add *a)
{
        struct jwrite w = jwrite_to(out);

        jwrite_object_begin(&w);
        jwrite_key(&w, "message");
        jwrite_string_n(&w, a->message, a->message_size);
        jwrite_pair(&w, "client_type", record_client_type(a->door));
        if (a->key) {
                jwrite_pair(&w, "key", a->key);
                jwrite_pair(&w, "hash", a->hash);
        }
        jwrite_pair(&w, "request_id", a->request_id);
        jwrite_object_end(&w);
}

void record_store_read_added(const struct pg_query *q, size_t row, struct record_result *ret)
{
        const char *outcome = pg_row_text(q, row, ADDED_OUTCOME);

        *ret = (struct record_result){
                .outcome = streq(outcome, "done")       ? RECORD_ADDED
                           : streq(outcome, "replayed") ? RECORD_REPLAYED
                                                        : RECORD_KEY_REUSED,
                .id = pg_row_int(q, row, ADDED_ID),
                .total = pg_row_int(q, row, ADDED_TOTAL),
                .client_type = pg_row_text(q, row, ADDED_CLIENT_TYPE),
                .created_at = pg_row_text(q, row, ADDED_CREATED_AT),
                .sqlstate = "",
                .error = "",
        };
}

/* ---- Reading ---- */

void record_store_find(struct pg_query *q, int64_t id, pg_query_fn complete)
{
        pg_query_init(q, &find_statement, complete);
        pg_query_int(q, id);
}

void record_store_page(struct pg_query *q, int64_t before, const char *client_type, unsigned limit,
                       pg_query_fn complete)
{
        pg_query_init(q, &page_statement, complete);
        pg_query_int(q, before);
        pg_query_text(q, client_type);
        pg_query_int(q, limit);
}

void record_store_after(struct pg_query *q, int64_t total, pg_query_fn complete)
{
        pg_query_init(q, &after_statement, complete);
        pg_query_int(q, total);
        pg_query_int(q, RECORD_STORE_AFTER_MAX);
}

size_t record_store_after_rows(const struct pg_query *q)
{
        return pg_row_is_null(q, 0, ID) ? 0 : pg_query_rows(q);
}

int64_t record_store_after_last(const struct pg_query *q)
{
        return pg_row_int(q, 0, N_COLUMNS);
}

static void write_view(struct buf *out, const struct record_view *v)
{
        struct jwrite w = jwrite_to(out);

        jwrite_object_begin(&w);
        jwrite_key(&w, "id");
        jwrite_int(&w, v->id);
        jwrite_key(&w, "message");
        jwrite_string_n(&w, v->message, v->message_size);
        jwrite_pair(&w, "client_type", v->client_type);
        jwrite_pair(&w, "created_at", v->created_at);
        jwrite_key(&w, "total");
        jwrite_int(&w, v->total);
        jwrite_object_end(&w);
}

struct record_view record_store_view(const struct pg_query *q, size_t row)
{
        return (struct record_view){
                .id = pg_row_int(q, row, ID),
                .message = pg_row_text(q, row, MESSAGE),
                .message_size = pg_row_size(q, row, MESSAGE),
                .client_type = pg_row_text(q, row, CLIENT_TYPE),
                .created_at = pg_row_text(q, row, CREATED_AT),
                .total = pg_row_int(q, row, TOTAL),
        };
}

void record_store_write_row(struct buf *out, const struct pg_query *q, size_t row)
{
        const struct record_view view = record_store_view(q, row);

        write_view(out, &view);
}

void record_store_write_added(struct buf *out, const struct record_add *a, const struct record_result *r)
{
        write_view(out, &(struct record_view){
                                .id = r->id,
                                .message = a->message,
                                .message_size = a->message_size,
                                .client_type = r->client_type,
                                .created_at = r->created_at,
                                .total = r->total,
                        });
}
