/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */

#include <inttypes.h>

#include "scheduler/scheduler.h"

static void write_late(const struct sender_counters *c, struct buf *out)
{
        static const char name[] = "lonja_scheduler_late_seconds";
        uint64_t n = 0;

        web_metric_family(out, name, "histogram", "From a firing's due time to the broker's confirm.");
        for (size_t i = 0; i < ARRAY_SIZE(c->late_buckets); i++) {
                n += c->late_buckets[i];
                if (i < ARRAY_SIZE(sender_late_bounds_usec))
                        buf_printf(out, "%s_bucket{le=\"%g\"} %" PRIu64 "\n", name,
                                   (double)sender_late_bounds_usec[i] / (double)USEC_PER_SEC, n);
        }
        buf_printf(out, "%s_bucket{le=\"+Inf\"} %" PRIu64 "\n%s_sum %.6f\n%s_count %" PRIu64 "\n", name, n,
                   name, (double)c->late_sum_usec / (double)USEC_PER_SEC, name, n);
}

void scheduler_metrics(void *context, struct buf *out)
{
        const struct scheduler *d = context;
        const struct web_metric metrics[] = {
                {"lonja_scheduler_looks_total", "counter", "Questions to the database for what is due.",
                 d->ticker.counters.n_looks},
                {"lonja_scheduler_fired_total", "counter", "Firings that this process put into the ledger.",
                 d->ticker.counters.n_fired},
                {"lonja_scheduler_missed_total", "counter", "Nominal times that a catch_up policy left out.",
                 d->ticker.counters.n_missed},
                {"lonja_scheduler_broken_total", "counter", "Times that a schedule could not be planned.",
                 d->ticker.counters.n_broken},
                {"lonja_scheduler_sent_total", "counter", "Tasks that the broker confirmed.",
                 d->sender.counters.n_sent},
                {"lonja_scheduler_send_failures_total", "counter",
                 "Tasks that could not be sent and stay pending.", d->sender.counters.n_failed},
                {"lonja_scheduler_unroutable_total", "counter", "Tasks whose queue does not exist.",
                 d->sender.counters.n_unroutable},
                {"lonja_scheduler_results_total", "counter", "Results of tasks that were noted.",
                 d->results.n_results},
        };

        web_metrics(out, metrics, ARRAY_SIZE(metrics));
        write_late(&d->sender.counters, out);
        web_backend_metrics(&d->backend, out);
}
