/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */

#include <inttypes.h>

#include "base/macro.h"
#include "products/products.h"

struct metric {
        const char *name, *type, *help;
        int64_t value;
};

static void write_metric(struct buf *out, const struct metric *m)
{
        buf_printf(out, "# HELP lonja_%s %s\n# TYPE lonja_%s %s\nlonja_%s %" PRId64 "\n", m->name, m->help,
                   m->name, m->type, m->name, m->value);
}

void products_metrics(void *context, struct buf *out)
{
        const struct products *d = context;
        struct event_relay_metrics relay;

        event_relay_metrics(d->relay, &relay);
        const struct metric metrics[] = {
                {"products_imports_total", "counter", "Imports that were committed.",
                 (int64_t)d->counters.n_imports},
                {"products_imported_rows_total", "counter", "Products in committed imports.",
                 (int64_t)d->counters.n_imported},
                {"products_exports_total", "counter", "Exports that were sent whole.",
                 (int64_t)d->counters.n_exports},
                {"products_price_adjustments_total", "counter",
                 "Adjustments of all prices that were committed.", (int64_t)d->counters.n_adjustments},
                {"events_head_offset", "gauge", "Offset of the newest event in the log.", relay.head},
                {"events_published_offset", "gauge", "Offset up to which the broker has confirmed.",
                 relay.published},
                {"events_sequenced_total", "counter", "Events moved from the outbox to the log here.",
                 (int64_t)relay.n_sequenced},
                {"events_published_total", "counter", "Events confirmed by the broker here.",
                 (int64_t)relay.n_published},
                {"events_failed_total", "counter", "Publishes that failed and were tried again.",
                 (int64_t)relay.n_failed},
        };

        for (size_t i = 0; i < ARRAY_SIZE(metrics); i++)
                write_metric(out, &metrics[i]);
}
