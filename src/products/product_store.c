/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */

#include <assert.h>
#include <string.h>

#include "base/decimal.h"
#include "products/product_store.h"
#include "json/jwrite.h"

/* Read here and in product_store_write_row(), in this order. Connections print times in ISO format and UTC.
 */
#define PRODUCT_COLUMNS "code, description, buying_price, selling_price, created_at, updated_at, version"

enum product_column {
        CODE,
        DESCRIPTION,
        BUYING_PRICE,
        SELLING_PRICE,
        CREATED_AT,
        UPDATED_AT,
        VERSION,
        N_COLUMNS
};
enum price_column { PRICE_VERSION, PRICE_BUYING, PRICE_SELLING, PRICE_AT, N_PRICE_COLUMNS };

#define FIND_SQL "SELECT " PRODUCT_COLUMNS " FROM product WHERE deleted_at IS NULL AND code "

/* The number of codes is part of the statement: an array of unknown length would be planned anew each time,
 * since the planner thinks that ten rows cost more than the few it then sees. */
static const struct pg_statement find_1_statement = {"product_find_1", FIND_SQL "= $1"};
static const struct pg_statement find_4_statement = {"product_find_4", FIND_SQL "IN ($1, $2, $3, $4)"};
static const struct pg_statement find_16_statement = {
        "product_find_16",
        FIND_SQL "IN ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16)",
};
static const struct pg_statement create_statement = {
        "product_create",
        "SELECT * FROM product_create($1, $2, $3, $4, $5, $6, $7)",
};
static const struct pg_statement put_statement = {
        "product_put",
        "SELECT * FROM product_put($1, $2, $3, $4, $5, $6, $7, $8, $9)",
};
static const struct pg_statement patch_statement = {
        "product_patch",
        "SELECT * FROM product_patch($1, $2, $3, $4, $5, $6, $7, $8)",
};
static const struct pg_statement delete_statement = {
        "product_delete",
        "SELECT * FROM product_delete($1, $2, $3, $4, $5)",
};
static const struct pg_statement adjust_prices_statement = {
        "product_adjust_prices",
        "SELECT * FROM product_adjust_prices($1, $2, $3, $4)",
};

static const struct pg_statement task_adjust_prices_statement = {
        "product_task_adjust_prices",
        "SELECT * FROM product_task_adjust_prices($1, $2, $3)",
};
static const struct pg_statement task_import_statement = {
        "product_task_import",
        "SELECT * FROM product_task_import($1, $2, $3, ('[' || $4 || ']')::json)",
};

static const struct web_field list_fields[] = {
        {"code", "code", WEB_FIELD_TEXT, .can_order = true, .can_filter = true, .can_search = true},
        {"description", "description", WEB_FIELD_TEXT, .can_filter = true, .can_search = true},
        {"buying_price", "buying_price", WEB_FIELD_MONEY, .can_order = true, .can_filter = true},
        {"selling_price", "selling_price", WEB_FIELD_MONEY, .can_order = true, .can_filter = true},
        {"created_at", "created_at", WEB_FIELD_TIME, .can_order = true, .can_filter = true},
        {"updated_at", "updated_at", WEB_FIELD_TIME, .can_order = true, .can_filter = true},
        {"version", "version", WEB_FIELD_INT, .can_filter = true},
        {NULL},
};
const struct web_list_resource product_list_resource = {
        .path = "/api/products",
        .columns = PRODUCT_COLUMNS,
        .n_columns = N_COLUMNS,
        .from = "product",
        .where = "deleted_at IS NULL",
        .fields = list_fields,
};

static const struct web_field price_fields[] = {
        {"version", "version", WEB_FIELD_INT, .can_order = true, .can_filter = true},
        {"at", "at", WEB_FIELD_TIME, .can_filter = true},
        {NULL},
};
const struct web_list_resource product_history_resource = {
        .columns = "version, buying_price, selling_price, at",
        .n_columns = N_PRICE_COLUMNS,
        .from = "product_price",
        .where = "code = $1",
        .segment = "code",
        .exists = "SELECT true FROM product WHERE code = $1 AND deleted_at IS NULL",
        .fields = price_fields,
};

void product_store_find(struct pg_query *q, const char *const *codes, size_t n_codes, pg_query_fn complete)
{
        size_t n_params = n_codes == 1 ? 1 : n_codes <= 4 ? 4 : PRODUCT_FIND_MANY;

        assert(n_codes >= 1 && n_codes <= PRODUCT_FIND_MANY);
        pg_query_init(q,
                      n_params == 1   ? &find_1_statement
                      : n_params == 4 ? &find_4_statement
                                      : &find_16_statement,
                      complete);
        for (size_t i = 0; i < n_params; i++)
                pg_query_text(q, i < n_codes ? codes[i] : NULL);
}

static void add_price(struct pg_query *q, bool is_present, int64_t cents)
{
        char text[MONEY_SIZE];

        if (is_present)
                money_format(cents, text);
        pg_query_text(q, is_present ? text : NULL);
}

static void add_values(struct pg_query *q, const char *code, const struct product *p)
{
        pg_query_text(q, code);
        pg_query_text(q, p->description);
        add_price(q, p->has_buying, p->buying_cents);
        add_price(q, p->has_selling, p->selling_cents);
}

/* Key, hash and request id, for writes that no If-Match can guard. */
static void add_unconditional(struct pg_query *q, const struct product_write *w)
{
        pg_query_text(q, w->web.key);
        pg_query_text(q, w->web.hash);
        pg_query_text(q, w->request_id);
}

void product_store_create(struct pg_query *q, const struct product_write *w, const char *code,
                          const struct product *p, pg_query_fn complete)
{
        pg_query_init(q, &create_statement, complete);
        add_unconditional(q, w);
        add_values(q, code, p);
}

void product_store_put(struct pg_query *q, const struct product_write *w, bool is_create, const char *code,
                       const struct product *p, pg_query_fn complete)
{
        pg_query_init(q, &put_statement, complete);
        web_write_params(&w->web, q);
        pg_query_text(q, w->request_id);
        pg_query_bool(q, is_create);
        add_values(q, code, p);
}

void product_store_patch(struct pg_query *q, const struct product_write *w, const char *code,
                         const struct product *p, pg_query_fn complete)
{
        pg_query_init(q, &patch_statement, complete);
        web_write_params(&w->web, q);
        pg_query_text(q, w->request_id);
        add_values(q, code, p);
}

void product_store_delete(struct pg_query *q, const struct product_write *w, const char *code,
                          pg_query_fn complete)
{
        pg_query_init(q, &delete_statement, complete);
        web_write_params(&w->web, q);
        pg_query_text(q, w->request_id);
        pg_query_text(q, code);
}

void product_store_adjust_prices(struct pg_query *q, const struct product_write *w, const char *factor,
                                 pg_query_fn complete)
{
        pg_query_init(q, &adjust_prices_statement, complete);
        add_unconditional(q, w);
        pg_query_text(q, factor);
}

void product_store_task_adjust_prices(struct pg_query *q, const char *task_id, const char *request_id,
                                      const char *factor, pg_query_fn complete)
{
        pg_query_init(q, &task_adjust_prices_statement, complete);
        pg_query_text(q, task_id);
        pg_query_text(q, request_id);
        pg_query_text(q, factor);
}

void product_store_task_import(struct pg_query *q, const char *task_id, const char *request_id,
                               bool is_create, const struct buf *rows, pg_query_fn complete)
{
        pg_query_init(q, &task_import_statement, complete);
        pg_query_text(q, task_id);
        pg_query_text(q, request_id);
        pg_query_bool(q, is_create);
        pg_query_text_n(q, buf_bytes(rows), buf_size(rows));
}

void product_store_write_time(struct buf *out, const char *text, size_t n)
{
        static const char zeros[] = "000000";
        size_t places = 0;

        buf_append_char(out, '"');
        if (n < 19 || text[10] != ' ') { /* infinity, a year before Christ: set by hand, shown as it is */
                buf_append(out, text, n);
        } else {
                buf_append(out, text, 10);
                buf_append_char(out, 'T');
                buf_append(out, text + 11, 8);
                buf_append_char(out, '.');
                if (n > 19 && text[19] == '.')
                        while (places < 6 && 20 + places < n && text[20 + places] >= '0' &&
                               text[20 + places] <= '9')
                                places++;
                buf_append(out, text + 20, places);
                buf_append(out, zeros, 6 - places);
                buf_append_char(out, 'Z');
        }
        buf_append_char(out, '"');
}

/* A member whose text needs no escaping: a code, a decimal, a number. */
static void write_plain(struct buf *out, const char *head, const struct pg_query *q, size_t row,
                        unsigned column)
{
        buf_append_str(out, head);
        buf_append(out, pg_row_text(q, row, column), pg_row_size(q, row, column));
}

static void write_time(struct buf *out, const char *head, const struct pg_query *q, size_t row,
                       unsigned column)
{
        buf_append_str(out, head);
        product_store_write_time(out, pg_row_text(q, row, column), pg_row_size(q, row, column));
}

void product_store_write_row(struct buf *out, const struct pg_query *q, size_t row)
{
        struct jwrite w = jwrite_to(out);

        write_plain(out, "{\"code\":\"", q, row, CODE);
        buf_append_str(out, "\",\"description\":");
        jwrite_string_n(&w, pg_row_text(q, row, DESCRIPTION), pg_row_size(q, row, DESCRIPTION));
        write_plain(out, ",\"buying_price\":\"", q, row, BUYING_PRICE);
        write_plain(out, "\",\"selling_price\":\"", q, row, SELLING_PRICE);
        write_time(out, "\",\"created_at\":", q, row, CREATED_AT);
        write_time(out, ",\"updated_at\":", q, row, UPDATED_AT);
        write_plain(out, ",\"version\":", q, row, VERSION);
        buf_append_char(out, '}');
}

const char *product_store_row_code(const struct pg_query *q, size_t row)
{
        return pg_row_text(q, row, CODE);
}

int64_t product_store_row_version(const struct pg_query *q, size_t row)
{
        return pg_row_int(q, row, VERSION);
}

void product_store_write_price(struct buf *out, const struct pg_query *q, size_t row)
{
        write_plain(out, "{\"version\":", q, row, PRICE_VERSION);
        write_plain(out, ",\"buying_price\":\"", q, row, PRICE_BUYING);
        write_plain(out, "\",\"selling_price\":\"", q, row, PRICE_SELLING);
        write_time(out, "\",\"at\":", q, row, PRICE_AT);
        buf_append_char(out, '}');
}
