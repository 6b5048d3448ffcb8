/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */

/* products.adjust_prices and products.import: the writes of the same names over REST, from a queue. */

#include <errno.h>

#include "base/alloc.h"
#include "base/str.h"
#include "products/product_import.h"
#include "products/product_store.h"
#include "products/products.h"
#include "tasks/task_call.h"

struct write_op {
        struct task_call *call;
        struct pg_query query;
        uint64_t n_rows;
};

static void write_op_done(void *slot)
{
        struct write_op *op = slot;

        pg_query_done(&op->query);
}

static struct write_op *write_op_new(struct task_call *c)
{
        struct write_op *op = task_call_op(c, sizeof(*op), write_op_done);

        if (op)
                op->call = c;
        return op;
}

static int submit(struct write_op *op)
{
        struct products *d = task_call_context(op->call);

        return pg_query_submit(&op->query, d->backend.pool, PG_LANE_EXCLUSIVE, task_call_deadline(op->call));
}

/* True: the change is made, for the first time. */
static bool is_written(const struct pg_query *q)
{
        return q->status == 0 && pg_query_rows(q) == 1 && streq(pg_row_text(q, 0, 0), "done");
}

/* ---- adjust_prices ---- */

static void on_adjusted(struct pg_query *q)
{
        struct write_op *op = container_of(q, struct write_op, query);
        struct products *d = task_call_context(op->call);

        if (is_written(q)) {
                d->counters.n_adjustments++;
                event_relay_poke(d->backend.relay);
        }
        task_call_written(op->call, q);
}

static int adjust_prices_begin(struct task_call *c)
{
        static const char *const names[] = {"factor", NULL};
        _cleanup_json_ json_t *arguments = NULL;
        char factor[PRODUCT_FACTOR_SIZE];
        struct field_errors errors;
        struct write_op *op;
        int r;

        r = task_call_arguments(c, names, &arguments);
        if (r != 0)
                return MIN_OF(r, 0);
        errors.n_errors = 0;
        r = product_factor_read(arguments, factor, &errors);
        if (r == -EBADMSG) {
                task_call_invalid(c, &errors);
                return 0;
        }
        op = write_op_new(c);
        if (r < 0 || !op)
                return -ENOMEM;
        product_store_task_adjust_prices(&op->query, task_call_id(c), task_call_request_id(c), factor,
                                         on_adjusted);
        return submit(op);
}

/* ---- import ---- */

struct import_arguments {
        json_t *rows;
        char *mode, *format;
};

static void import_arguments_done(struct import_arguments *a)
{
        json_decref(a->rows);
        free(a->mode);
        free(a->format);
}

static void on_imported(struct pg_query *q)
{
        struct write_op *op = container_of(q, struct write_op, query);
        struct products *d = task_call_context(op->call);

        if (is_written(q)) {
                d->counters.n_imports++;
                d->counters.n_imported += op->n_rows;
                event_relay_poke(d->backend.relay);
        }
        task_call_written(op->call, q);
}

/* mode: replace or create; format: of rows that are text, ndjson or csv. */
static int read_arguments(json_t *value, struct import_arguments *a, struct field_errors *errors)
{
        static const struct jread_field fields[] = {
                {.name = "rows",
                 .type = JREAD_JSON,
                 .offset = offsetof(struct import_arguments, rows),
                 .required = true},
                {.name = "mode", .type = JREAD_STRING, .offset = offsetof(struct import_arguments, mode)},
                {.name = "format", .type = JREAD_STRING, .offset = offsetof(struct import_arguments, format)},
        };
        int r;

        r = jread_object(value, fields, ARRAY_SIZE(fields), "", a, errors);
        if (r < 0)
                return r;
        if (a->mode && !streq(a->mode, "replace") && !streq(a->mode, "create"))
                field_errors_add(errors, "/mode", "must be replace or create");
        if (a->format && !streq(a->format, "ndjson") && !streq(a->format, "csv"))
                field_errors_add(errors, "/format", "must be ndjson or csv");
        if (!json_is_string(a->rows) && !json_is_array(a->rows))
                field_errors_add(errors, "/rows", "must be a list of products, or NDJSON or CSV text");
        return errors->n_errors > 0 ? -EBADMSG : 0;
}

/* A list is fed as the lines it could have been. 0; -E2BIG: enough is wrong; -ENOMEM. */
static int feed_rows(struct product_import *import, json_t *rows)
{
        json_t *row;
        size_t i;
        int r = 0;

        if (json_is_string(rows))
                r = product_import_feed(import, json_string_value(rows), json_string_length(rows));
        json_array_foreach(rows, i, row)
        {
                _cleanup_free_ char *line = json_dumps(row, JSON_COMPACT | JSON_ENCODE_ANY);

                if (!line)
                        return -ENOMEM;
                r = product_import_feed(import, line, strlen(line));
                if (r == 0)
                        r = product_import_feed(import, "\n", 1);
                if (r < 0)
                        return r;
        }
        return r < 0 ? r : product_import_end(import);
}

/* The lines that are wrong, in words: as much as a failure's text holds. */
static void refuse_rows(struct task_call *c, const struct product_import *import)
{
        task_call_fail(c, 400, "invalid-input", NULL, "nothing was imported: there are wrong lines: [%.*s]",
                       (int)MIN_OF(buf_size(&import->errors), (size_t)900), buf_bytes(&import->errors));
}

static int import_rows(struct task_call *c, const struct import_arguments *a)
{
        struct products *d = task_call_context(c);
        struct product_import import;
        struct write_op *op = NULL;
        int r;

        product_import_init(&import, a->format && streq(a->format, "csv") ? IMPORT_CSV : IMPORT_NDJSON,
                            d->conf->products.import_errors_max);
        import.as_json = true;
        r = feed_rows(&import, a->rows);
        if (r == -E2BIG || (r == 0 && import.n_errors > 0)) {
                refuse_rows(c, &import);
                r = 0;
        } else if (r == 0) {
                op = write_op_new(c);
                r = op ? 0 : -ENOMEM;
        }
        if (op) {
                product_store_task_import(&op->query, task_call_id(c), task_call_request_id(c),
                                          a->mode && streq(a->mode, "create"), &import.rows, on_imported);
                op->n_rows = import.n_rows;
                r = submit(op);
        }
        product_import_done(&import);
        return r;
}

static int import_begin(struct task_call *c)
{
        static const char *const names[] = {"rows", NULL};
        _cleanup_(import_arguments_done) struct import_arguments a = {0};
        _cleanup_json_ json_t *arguments = NULL;
        struct field_errors errors;
        int r;

        r = task_call_arguments(c, names, &arguments);
        if (r != 0)
                return MIN_OF(r, 0);
        errors.n_errors = 0;
        r = read_arguments(arguments, &a, &errors);
        if (r == -EBADMSG) {
                task_call_invalid(c, &errors);
                return 0;
        }
        return r < 0 ? r : import_rows(c, &a);
}

const struct task_handler products_tasks[] = {
        {"products.adjust_prices", adjust_prices_begin},
        {"products.import", import_begin},
        {NULL},
};
