/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

#include "base/decimal.h"
#include "base/str.h"
#include "products/product_import.h"

static const char byte_order_mark[] = "\xef\xbb\xbf";

static const char *const column_names[] = {
        "code", "description", "buying_price", "selling_price", "created_at", "updated_at", "version",
};
#define N_REQUIRED_FIRST 1 /* description and both prices */
#define N_REQUIRED_LAST 3
#define N_READ 4 /* the rest belongs to the server: an export's columns, ignored */

void product_import_init(struct product_import *i, enum import_format format, uint64_t errors_max)
{
        *i = (struct product_import){.format = format, .errors_max = errors_max};
        csv_reader_init(&i->csv);
}

void product_import_done(struct product_import *i)
{
        buf_done(&i->rows);
        buf_done(&i->errors);
        buf_done(&i->text);
        csv_reader_done(&i->csv);
}

/* ---- What is wrong ---- */

static int add_error(struct product_import *i, uint64_t line, const char *path, const char *reason)
{
        struct jwrite w = jwrite_to(&i->errors);

        if (i->n_errors == i->errors_max)
                return -E2BIG;
        if (i->n_errors++ > 0)
                buf_append_char(&i->errors, ',');
        jwrite_object_begin(&w);
        jwrite_key(&w, "line");
        jwrite_int(&w, (int64_t)line);
        jwrite_pair(&w, "path", path);
        jwrite_pair(&w, "reason", reason);
        jwrite_object_end(&w);
        return buf_error(&i->errors) < 0 ? -ENOMEM : 0;
}

static int add_line_error(struct product_import *i, uint64_t line, const char *reason)
{
        char path[32];

        (void)snprintf(path, sizeof(path), "/%" PRIu64, line);
        return add_error(i, line, path, reason);
}

static int add_errors(struct product_import *i, uint64_t line, const struct field_errors *errors)
{
        int r = 0;

        for (size_t k = 0; r == 0 && k < errors->n_errors; k++) {
                const struct field_error *e = &errors->errors[k];

                r = *e->path ? add_error(i, line, e->path, e->reason) : add_line_error(i, line, e->reason);
        }
        return r;
}

/* ---- Rows ---- */

static void write_copy_text(struct buf *out, const char *s)
{
        for (;;) {
                size_t plain = strcspn(s, "\\\t\n\r");

                buf_append(out, s, plain);
                s += plain;
                if (*s == '\0')
                        return;
                buf_append_char(out, '\\');
                buf_append_char(out, *s == '\t' ? 't' : *s == '\n' ? 'n' : *s == '\r' ? 'r' : '\\');
                s++;
        }
}

static void write_json_row(struct product_import *i, uint64_t line, const char *code, const char *description,
                           const char *buying, const char *selling)
{
        struct jwrite w = jwrite_to(&i->rows);

        if (i->n_rows > 0)
                buf_append_char(&i->rows, ',');
        jwrite_array_begin(&w);
        jwrite_int(&w, (int64_t)line);
        jwrite_string(&w, code);
        jwrite_string(&w, description);
        jwrite_string(&w, buying);
        jwrite_string(&w, selling);
        jwrite_array_end(&w);
}

static void write_copy_row(struct product_import *i, uint64_t line, const char *code, const char *description,
                           const char *buying, const char *selling)
{
        buf_printf(&i->rows, "%" PRIu64 "\t%s\t", line, code);
        write_copy_text(&i->rows, description);
        buf_printf(&i->rows, "\t%s\t%s\n", buying, selling);
}

static int add_row(struct product_import *i, uint64_t line, const struct product *p)
{
        char made[PRODUCT_CODE_MADE_SIZE], buying[MONEY_SIZE], selling[MONEY_SIZE];

        if (!p->code)
                product_code_make(made);
        money_format(p->buying_cents, buying);
        money_format(p->selling_cents, selling);
        (i->as_json ? write_json_row : write_copy_row)(i, line, p->code ? p->code : made, p->description,
                                                       buying, selling);
        i->n_rows++;
        return buf_error(&i->rows) < 0 ? -ENOMEM : 0;
}

static int take_value(struct product_import *i, uint64_t line, json_t *value, struct field_errors *errors)
{
        struct product product = {0};
        char prefix[32];
        int r;

        (void)snprintf(prefix, sizeof(prefix), "/%" PRIu64, line);
        r = product_read(value, PRODUCT_WHOLE, prefix, &product, errors);
        if (r == 0)
                r = add_row(i, line, &product);
        else if (r == -EBADMSG)
                r = add_errors(i, line, errors);
        product_done(&product);
        return r;
}

/* ---- NDJSON ---- */

static int take_json_line(struct product_import *i, const char *text, size_t n)
{
        struct field_errors errors;
        _cleanup_json_ json_t *value = NULL;
        int r;

        i->line++;
        if (n > 0 && text[n - 1] == '\r')
                n--;
        if (n == 0 && !i->too_long)
                return 0;
        if (i->too_long) {
                i->too_long = false;
                return add_line_error(i, i->line, "is too long");
        }
        errors.n_errors = 0;
        r = jread_text(text, n, &value, &errors);
        if (r == -EBADMSG)
                return add_errors(i, i->line, &errors);
        if (r < 0)
                return r;
        return take_value(i, i->line, value, &errors);
}

static int feed_json(struct product_import *i, const char *p, size_t n)
{
        int r = 0;

        while (n > 0) {
                const char *end = memchr(p, '\n', n);
                size_t size = end ? (size_t)(end - p) : n;

                if (buf_size(&i->text) + size > IMPORT_LINE_MAX) {
                        i->too_long = true;
                        buf_reset(&i->text);
                }
                if (end && buf_size(&i->text) == 0) {
                        r = take_json_line(i, p, size);
                } else {
                        if (!i->too_long)
                                buf_append(&i->text, p, size);
                        if (buf_error(&i->text) < 0)
                                return -ENOMEM;
                        if (end) {
                                r = take_json_line(i, buf_bytes(&i->text), buf_size(&i->text));
                                buf_reset(&i->text);
                        }
                }
                if (r < 0 || !end)
                        return r;
                p += size + 1;
                n -= size + 1;
        }
        return 0;
}

/* ---- CSV ---- */

/* Without a header that names what is needed, nothing below it means anything. */
static int take_header(struct product_import *i)
{
        char reason[96];
        bool wrong = false;

        for (size_t k = 0; k < i->csv.n_fields; k++) {
                size_t n, c = 0;
                const char *name = csv_reader_field(&i->csv, k, &n);

                while (c < ARRAY_SIZE(column_names) &&
                       (strlen(column_names[c]) != n || memcmp(column_names[c], name, n) != 0))
                        c++;
                for (size_t before = 0; c < ARRAY_SIZE(column_names) && before < k; before++)
                        wrong = wrong || i->columns[before] == column_names[c];
                if (c == ARRAY_SIZE(column_names) || wrong) {
                        (void)snprintf(reason, sizeof(reason), "column %zu is %s", k + 1,
                                       wrong ? "named like one before it" : "not known");
                        (void)add_line_error(i, i->csv.record_line, reason);
                        return -E2BIG;
                }
                i->columns[k] = column_names[c];
        }
        i->n_columns = i->csv.n_fields;
        for (size_t c = N_REQUIRED_FIRST; c <= N_REQUIRED_LAST; c++) {
                size_t k = 0;

                while (k < i->n_columns && i->columns[k] != column_names[c])
                        k++;
                if (k == i->n_columns) {
                        (void)snprintf(reason, sizeof(reason), "the header has no column %s",
                                       column_names[c]);
                        (void)add_line_error(i, i->csv.record_line, reason);
                        wrong = true;
                }
        }
        i->has_header = true;
        return wrong ? -E2BIG : 0;
}

static bool is_read(const char *column)
{
        for (size_t c = 0; c < N_READ; c++)
                if (column == column_names[c])
                        return true;
        return false;
}

static int take_record(struct product_import *i)
{
        struct field_errors errors;
        _cleanup_json_ json_t *value = NULL;
        char reason[96];

        if (i->csv.n_fields != i->n_columns) {
                (void)snprintf(reason, sizeof(reason), "has %zu fields where the header has %zu",
                               i->csv.n_fields, i->n_columns);
                return add_line_error(i, i->csv.record_line, reason);
        }
        value = json_object();
        for (size_t k = 0; value && k < i->n_columns; k++) {
                size_t n;
                const char *text = csv_reader_field(&i->csv, k, &n);

                if (!is_read(i->columns[k]) || (n == 0 && streq(i->columns[k], "code")))
                        continue;
                /* Unchecked here: the decoder says what is no UTF-8, and where. */
                if (json_object_set_new(value, i->columns[k], json_stringn_nocheck(text, n)) < 0)
                        return -ENOMEM;
        }
        if (!value)
                return -ENOMEM;
        errors.n_errors = 0;
        return take_value(i, i->csv.record_line, value, &errors);
}

static int take_csv(struct product_import *i, int result)
{
        size_t n;

        if (result == -EBADMSG)
                return add_line_error(i, i->csv.record_line, i->csv.reason);
        if (result <= 0)
                return result;
        if (i->csv.n_fields == 1 && (csv_reader_field(&i->csv, 0, &n), n == 0))
                return 0;
        return i->has_header ? take_record(i) : take_header(i);
}

static int feed_csv(struct product_import *i, const char *p, size_t n)
{
        int r;

        while (n > 0) {
                r = take_csv(i, csv_reader_next(&i->csv, &p, &n));
                if (r < 0)
                        return r;
        }
        return 0;
}

/* ---- */

static int feed(struct product_import *i, const char *p, size_t n)
{
        return i->format == IMPORT_CSV ? feed_csv(i, p, n) : feed_json(i, p, n);
}

int product_import_feed(struct product_import *i, const char *p, size_t n)
{
        unsigned seen;
        int r;

        while (i->n_mark < 3 && n > 0 && *p == byte_order_mark[i->n_mark]) {
                i->n_mark++;
                p++;
                n--;
        }
        if (n == 0)
                return 0;
        /* What began like the mark and is none was text after all. */
        seen = i->n_mark;
        i->n_mark = 3;
        if (seen > 0 && seen < 3) {
                r = feed(i, byte_order_mark, seen);
                if (r < 0)
                        return r;
        }
        return feed(i, p, n);
}

int product_import_end(struct product_import *i)
{
        int r;

        if (i->format == IMPORT_NDJSON)
                return buf_size(&i->text) == 0 && !i->too_long
                               ? 0
                               : take_json_line(i, buf_bytes(&i->text), buf_size(&i->text));
        r = take_csv(i, csv_reader_end(&i->csv));
        if (r == 0 && !i->has_header)
                r = add_line_error(i, 1, "there is no header line");
        return r;
}
