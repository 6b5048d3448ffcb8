/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */
#pragma once

/* An import's bytes, NDJSON or CSV, to rows for COPY, with the line of everything that is wrong. Pure;
 * fuzzed.
 *
 * NDJSON: one product object per line. CSV: a header line with the columns' names in any order, then records.
 * Empty lines are nothing. A UTF-8 byte order mark is skipped. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "products/csv_wire.h"
#include "products/product.h"
#include "json/jwrite.h"

#define IMPORT_LINE_MAX CSV_RECORD_MAX

enum import_format { IMPORT_NDJSON, IMPORT_CSV };

struct product_import {
        struct buf rows;   /* line, code, description, buying_price, selling_price, as COPY text; the caller
                              takes it out after each call */
        bool as_json;      /* instead: JSON arrays of these with commas between */
        uint64_t n_rows;   /* good ones so far */
        struct buf errors; /* JSON objects {"line","path","reason"} with commas between */
        uint64_t n_errors;
        /* private */
        enum import_format format;
        uint64_t errors_max, line;
        struct buf text; /* NDJSON: an unfinished line */
        struct csv_reader csv;
        const char *columns[CSV_FIELDS_MAX]; /* static texts; NULL = not read */
        size_t n_columns;
        unsigned n_mark; /* bytes of the byte order mark seen; 3 = past it */
        bool too_long, has_header;
};

void product_import_init(struct product_import *i, enum import_format format, uint64_t errors_max);
void product_import_done(struct product_import *i);
/* 0; -E2BIG: as many errors as are told, or none of the rest can be read: stop; -ENOMEM. */
int product_import_feed(struct product_import *i, const char *p, size_t n);
int product_import_end(struct product_import *i);
