/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */

#include "base/macro.h"
#include "products/products.h"

void products_metrics(void *context, struct buf *out)
{
        const struct products *d = context;
        struct product_lookup_metrics lookup;
        product_lookup_metrics(d->lookup, &lookup);
        const struct web_metric metrics[] = {
                {"lonja_products_lookups_total", "counter", "Products that were asked for by code.",
                 lookup.n_finds},
                {"lonja_products_lookup_statements_total", "counter",
                 "Statements that asked the database for them.", lookup.n_statements},
                {"lonja_products_imports_total", "counter", "Imports that were committed.",
                 d->counters.n_imports},
                {"lonja_products_imported_rows_total", "counter", "Products in committed imports.",
                 d->counters.n_imported},
                {"lonja_products_exports_total", "counter", "Exports that were sent whole.",
                 d->counters.n_exports},
                {"lonja_products_price_adjustments_total", "counter", "Committed adjustments of all prices.",
                 d->counters.n_adjustments},
        };

        web_metrics(out, metrics, ARRAY_SIZE(metrics));
        web_backend_metrics(&d->backend, out);
        task_worker_write_metrics(d->tasks, out);
}
