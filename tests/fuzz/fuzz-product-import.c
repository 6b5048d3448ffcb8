/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */

/* An import, cut into pieces of the size that the first byte says; its lowest bit is the format. Every row is
 * one line of COPY text with four tabs, and the cut changes nothing. */

#include <string.h>

#include "fuzz.h"
#include "products/product_import.h"

#define ERRORS_MAX 5

static void run(struct product_import *i, enum import_format format, const char *p, size_t n, size_t step)
{
        int r = 0;

        product_import_init(i, format, ERRORS_MAX);
        for (size_t at = 0; r == 0 && at < n; at += step)
                r = product_import_feed(i, p + at, MIN_OF(step, n - at));
        if (r == 0)
                (void)product_import_end(i);
}

static void check_rows(const struct product_import *i)
{
        size_t n = buf_size(&i->rows), n_rows = 0, n_tabs = 0;

        for (size_t k = 0; k < n; k++) {
                char c = buf_bytes(&i->rows)[k];

                n_tabs += c == '\t';
                if (c == '\n') {
                        fuzz_check(n_tabs == 4);
                        n_tabs = 0;
                        n_rows++;
                }
        }
        fuzz_check(n_rows == i->n_rows && i->n_errors <= ERRORS_MAX);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        struct product_import whole, cut;
        enum import_format format;

        if (size < 1)
                return 0;
        format = data[0] & 1 ? IMPORT_CSV : IMPORT_NDJSON;
        run(&whole, format, (const char *)data + 1, size - 1, size);
        run(&cut, format, (const char *)data + 1, size - 1, 1 + data[0] / 2);
        check_rows(&whole);
        check_rows(&cut);
        fuzz_check(whole.n_rows == cut.n_rows && whole.n_errors == cut.n_errors);
        fuzz_check(buf_size(&whole.errors) == buf_size(&cut.errors));
        product_import_done(&whole);
        product_import_done(&cut);
        return 0;
}
