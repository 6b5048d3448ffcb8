/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */
#pragma once

/* Products by code, for many requests at once.
 *
 * The look-ups that come in one turn of the loop are asked in one statement: what a statement costs the
 * server and us is paid once for up to 16 of them. Nothing is kept: each answer is a row that was read after
 * its request came. */

#include "base/list.h"
#include "pg/pg_query.h"

struct product_lookup;

int product_lookup_new(struct product_lookup **ret, sd_event *loop, struct pg_pool *pool);
/* What still runs is cancelled without a call-back. */
struct product_lookup *product_lookup_free(struct product_lookup *l);
DEFINE_FREEP(struct product_lookup, product_lookup_free)

struct product_find { /* embedded in the operation, zeroed before */
        /* status: 0, or that of the query. `q` and `row`, for product_store_write_row(), are valid during the
         * call; q is NULL when there is no such product. */
        void (*complete)(struct product_find *f, int status, const struct pg_query *q, size_t row);
        /* private */
        struct product_lookup *lookup;
        const char *code;
        usec_t deadline_usec;
        struct list_link link;       /* waits for the turn's end */
        struct product_find **place; /* in its batch */
};

/* `code` is borrowed until complete(), which comes later, once, unless cancelled. 0; -EBUSY. */
int product_find_submit(struct product_find *f, struct product_lookup *l, const char *code,
                        usec_t deadline_usec,
                        void (*complete)(struct product_find *f, int status, const struct pg_query *q,
                                         size_t row));
/* No call-back after it; harmless when not under way. */
void product_find_cancel(struct product_find *f);

struct product_lookup_metrics {
        uint64_t n_finds, n_statements;
};
void product_lookup_metrics(const struct product_lookup *l, struct product_lookup_metrics *ret);
