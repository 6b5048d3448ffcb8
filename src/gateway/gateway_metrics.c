/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */

#include <inttypes.h>

#include "gateway/gateway.h"

static void write_records(const struct records *records, const struct record_feed *feed, struct buf *out)
{
        struct records_metrics m;

        records_metrics(records, &m);
        web_metric_family(out, "lonja_records_added_total", "counter",
                          "Records added here, by kind of client.");
        for (unsigned i = 0; i < N_RECORD_DOORS; i++)
                buf_printf(out, "lonja_records_added_total{client_type=\"%s\"} %" PRIu64 "\n",
                           record_client_type(i), m.n_added[i]);
        const struct web_metric metrics[] = {
                {"lonja_records_replayed_total", "counter", "Adds answered as an earlier one with their key.",
                 m.n_replayed},
                {"lonja_records_failed_total", "counter", "Adds that failed, or of which nobody knows.",
                 m.n_failed},
                {"lonja_record_groups_total", "counter", "Groups in which they were committed.", m.n_groups},
                {"lonja_record_groups_failed_total", "counter", "Groups that failed.", m.n_groups_failed},
                {"lonja_records_waiting", "gauge", "Adds that wait for their group.", m.n_waiting},
                {"lonja_record_watches", "gauge", "Streams of records that are open.", feed->n_watches},
                {"lonja_record_watch_pages_total", "counter", "Pages read for them.", feed->n_pages},
        };

        web_metrics(out, metrics, ARRAY_SIZE(metrics));
}

static void write_queue(const struct record_queue *queue, struct buf *out)
{
        struct record_queue_metrics m;

        record_queue_metrics(queue, &m);
        const struct web_metric metrics[] = {
                {"lonja_record_deliveries", "gauge", "Messages of lonja.records in hand.", m.n_in_hand},
                {"lonja_record_deliveries_retried_total", "counter", "Times that one had to be tried again.",
                 m.n_retried},
                {"lonja_record_deliveries_dead_total", "counter", "Messages sent to the dead letters.",
                 m.n_dead},
        };

        web_metrics(out, metrics, ARRAY_SIZE(metrics));
}

void gateway_metrics(void *context, struct buf *out)
{
        const struct gateway *d = context;

        write_records(d->records, &d->record_feed, out);
        write_queue(d->record_queue, out);
        calculations_metrics(d->calculations, out);
        http_tasks_metrics(d->http_tasks, out);
        web_backend_metrics(&d->backend, out);
        web_rpc_metrics(out, d->rpc);
}
