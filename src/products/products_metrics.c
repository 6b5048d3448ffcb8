/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */

#include "base/macro.h"
#include "products/products.h"

struct metric {
        const char *name, *type, *help;
        uint64_t value;
};

static void write_all(struct buf *out, const struct metric *metrics, size_t n)
{
        for (size_t i = 0; i < n; i++)
                web_metric(out, metrics[i].name, metrics[i].type, metrics[i].help, metrics[i].value);
}

static void write_catalogue(const struct products *d, struct buf *out)
{
        struct product_lookup_metrics lookup;

        product_lookup_metrics(d->lookup, &lookup);
        const struct metric metrics[] = {
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

        write_all(out, metrics, ARRAY_SIZE(metrics));
}

static void write_events(const struct products *d, struct buf *out)
{
        struct event_relay_metrics m;

        event_relay_metrics(d->relay, &m);
        const struct metric metrics[] = {
                {"lonja_events_head_offset", "gauge", "Offset of the newest event known here.",
                 (uint64_t)m.head},
                {"lonja_events_published_offset", "gauge", "Offset up to which the broker has confirmed.",
                 (uint64_t)m.published},
                {"lonja_events_relay_holder", "gauge", "1 while this process publishes for all.",
                 m.is_holder},
                {"lonja_events_sequenced_total", "counter", "Events moved from the outbox to the log here.",
                 m.n_sequenced},
                {"lonja_events_published_total", "counter",
                 "Events that the broker confirmed to this process.", m.n_published},
                {"lonja_events_failed_total", "counter", "Publishes that failed and are tried again.",
                 m.n_failed},
        };

        write_all(out, metrics, ARRAY_SIZE(metrics));
}

static void write_broker(const struct products *d, struct buf *out)
{
        struct mq_link_metrics m;

        mq_link_metrics(d->link, &m);
        const struct metric metrics[] = {
                {"lonja_broker_up", "gauge", "1 while the broker is connected.", mq_link_is_up(d->link)},
                {"lonja_broker_reconnects_total", "counter", "Times the broker came back.", m.n_reconnects},
                {"lonja_broker_unconfirmed", "gauge", "Publishes that wait for their confirm.",
                 m.n_unconfirmed},
        };

        write_all(out, metrics, ARRAY_SIZE(metrics));
}

void products_metrics(void *context, struct buf *out)
{
        const struct products *d = context;

        write_catalogue(d, out);
        write_events(d, out);
        write_broker(d, out);
}
