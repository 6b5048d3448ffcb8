/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */
#pragma once

/* Lists: limit, cursor, ordering, filters, count; the envelope {"next","previous","results"[,"count"]};
 * keyset pages.
 *
 * A resource describes its fields in a table; web_list turns the query string into SQL text over that table
 * only (no text from outside ever enters the statement; values are parameters). An unknown parameter is 400.
 *
 *         static int on_product_list(struct http_request *r)
 *         {
 *                 struct web_list *list;
 *                 int ret = web_list_parse(r, &product_list, &list);
 *
 *                 return ret != 0 ? MIN_OF(ret, 0) : web_list_submit(list, r, pool, product_write_row);
 *         }
 */

#include "base/buf.h"
#include "http/http_request.h"
#include "pg/pg_query.h"

#define WEB_LIMIT_DEFAULT 100
#define WEB_LIMIT_MAX 1000

enum web_field_type { WEB_FIELD_TEXT, WEB_FIELD_MONEY, WEB_FIELD_TIME, WEB_FIELD_INT };

struct web_field {
        const char *name;   /* in the query string and in JSON */
        const char *column; /* in SQL; NOT NULL where it orders */
        enum web_field_type type;
        bool can_order, can_filter, can_search; /* search: text only */
};

struct web_list_resource {
        const char *path;               /* "/api/products" for next and previous */
        const char *columns;            /* "code, buying_price, ...": what write_row sees, from column 0. None
                                           may be made from a field's column and keep its name (as a cast
                                           does): ORDER BY would take it for the column */
        unsigned n_columns;             /* how many these are; the keyset's own follow */
        const char *from;               /* "product" */
        const char *where;              /* "deleted_at IS NULL", may be NULL */
        const char *segment;            /* a list below a thing: the path variable that is $1 in `where`
                                           ("code = $1"); next and previous then keep the request's own path
                                           and `path` is not used. NULL = none */
        const char *exists;             /* with `segment`: a statement that finds a row when the thing of $1
                                           is there; without one the answer is 404. NULL = not asked */
        const struct web_field *fields; /* ends with name NULL; fields[0] is the unique key, the tie-breaker
                                           and the default ordering */
};

struct web_list; /* parsed request and its statements; lives in the request's op slot */
/* 0; 1: answered with 400 (every wrong parameter named); -ENOMEM. */
int web_list_parse(struct http_request *r, const struct web_list_resource *resource, struct web_list **ret);
/* Submits the page (and the count when asked) and answers when they are there. `write_row` appends one JSON
 * value. 0 or -errno, for begin to return. */
int web_list_submit(struct web_list *l, struct http_request *r, struct pg_pool *pool,
                    void (*write_row)(struct buf *out, const struct pg_query *q, size_t row));
