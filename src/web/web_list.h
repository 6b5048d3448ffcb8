/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */
#pragma once

/* Lists: limit, cursor, ordering, filters, count; the envelope {"next","previous","results"[,"count"]};
 * keyset pages.
 *
 * A resource describes its fields in a table; web_list turns the query string into SQL text over that table
 * only (no text from outside ever enters the statement; values are parameters). An unknown parameter is 400.
 */

#include "base/buf.h"
#include "http/http_request.h"
#include "pg/pg_query.h"

#define WEB_LIMIT_DEFAULT 100
#define WEB_LIMIT_MAX 1000

enum web_field_type { WEB_FIELD_TEXT, WEB_FIELD_MONEY, WEB_FIELD_TIME, WEB_FIELD_INT };

struct web_field {
        const char *name;   /* in the query string and in JSON */
        const char *column; /* in SQL */
        enum web_field_type type;
        bool can_order, can_filter, can_search;
};

struct web_list_resource {
        const char *path;               /* "/api/products" for next and previous */
        const char *select;             /* "SELECT code, ... FROM product" */
        const char *where;              /* "deleted_at IS NULL", may be NULL */
        const struct web_field *fields; /* ends with name NULL; fields[0] is the unique key and tie-breaker */
};

struct web_list; /* parsed request and its statement; opaque */
/* 0; 1: answered with 400 (every wrong parameter named); -ENOMEM. */
int web_list_parse(struct http_request *r, const struct web_list_resource *resource, struct web_list **ret);
struct web_list *web_list_free(struct web_list *l);
/* Submits the page (and the count when asked). `complete(request, rows...)`: see web_list_reply. */
int web_list_submit(struct web_list *l, struct http_request *r, struct pg_pool *pool,
                    void (*write_row)(struct buf *out, const struct pg_query *q, size_t row));
