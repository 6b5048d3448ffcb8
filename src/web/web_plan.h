/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */
#pragma once

/* From a query string to the statements of a list. Pure: knows neither requests nor connections.
 *
 *     SELECT <columns>, <keys of the ordering> FROM <from>
 *      WHERE <where> AND <filters $..> AND <keyset comparison $..>
 *      ORDER BY <ordering>, <key> LIMIT <limit + 1>
 *
 * One row more than asked tells whether another page follows. A page backwards runs the same comparison and
 * ordering the other way round; its rows come in reverse. */

#include "base/url.h"
#include "web/web_cursor.h"
#include "web/web_list.h"
#include "json/jread.h"

struct web_plan {
        const struct web_list_resource *resource; /* borrowed */
        const struct web_field *order;            /* by what; borrowed from the resource */
        bool descending;
        bool has_count;
        unsigned limit;
        unsigned n_keys;          /* columns of the keyset, behind the resource's own: 1 or 2 */
        struct web_cursor cursor; /* where the page begins */
        bool has_cursor;
        char *params[PG_PARAMS_MAX]; /* owned */
        unsigned n_params;           /* of the page */
        unsigned n_filter_params;    /* the first of them; all that the count takes */
        char *page_sql, *count_sql;  /* owned; count_sql NULL unless asked for */
        char *path;                  /* owned; of the list, encoded */
        char *query;   /* owned; of next and previous, without the cursor; "" or "limit=2&..." */
        char *context; /* owned; what cursors are bound to */
};

/* `path` is used where the resource has a segment, whose value is `segment`. 0; -EBADMSG with every wrong
 * parameter in `errors`; -ENOMEM. */
int web_plan_make(struct web_plan *ret, const struct web_list_resource *resource,
                  const struct url_query *query, const char *path, const char *segment,
                  struct field_errors *errors);
void web_plan_done(struct web_plan *p);
/* The URL of a neighbouring page. */
void web_plan_link(const struct web_plan *p, struct buf *out, const struct web_cursor *cursor);
