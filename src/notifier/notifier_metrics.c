/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */

#include "base/macro.h"
#include "notifier/notifier.h"

void notifier_metrics(void *context, struct buf *out)
{
        const struct notifier *d = context;
        const struct clients *c = &d->clients;
        const struct feed *f = &d->feed;
        const struct web_metric metrics[] = {
                {"lonja_notifier_clients", "gauge", "Open streams.", c->n_all},
                {"lonja_notifier_topic_lists", "gauge", "Different lists of topics that they asked for.",
                 c->topics.n_entries},
                {"lonja_notifier_streams_total", "counter", "Streams that were opened.", c->n_opened},
                {"lonja_notifier_refused_total", "counter", "Streams refused beyond MaxClients=.",
                 d->n_refused},
                {"lonja_notifier_slow_total", "counter", "Clients closed because they were too slow.",
                 c->n_slow},
                {"lonja_notifier_unanswered_total", "counter", "Clients closed because no ping was answered.",
                 c->n_unanswered},
                {"lonja_notifier_sessions_ended_total", "counter",
                 "Streams closed because their session had ended.", c->n_ended},
                {"lonja_notifier_unrecovered_total", "counter", "Welcomes that said that events were missed.",
                 c->n_unrecovered},
                {"lonja_notifier_sent_total", "counter", "Events given to clients.", c->n_sent},
                {"lonja_notifier_events_total", "counter", "Events read from the end of the log.",
                 f->n_events},
                {"lonja_notifier_offset", "gauge", "Offset up to which the log was read.",
                 f->is_placed ? (uint64_t)f->last : 0},
                {"lonja_notifier_wakes_total", "counter", "Messages of the broker that led to a look.",
                 f->n_wakes},
                {"lonja_notifier_reads_total", "counter", "Statements that looked for new events.",
                 f->n_reads},
                {"lonja_notifier_read_failures_total", "counter", "Of them those that failed.",
                 f->n_failures},
                {"lonja_notifier_recent_bytes", "gauge", "Bytes of recent events kept in memory.",
                 f->ring_bytes},
                {"lonja_notifier_catch_up_pages_total", "counter", "Pages read for clients that were behind.",
                 d->n_pages},
        };

        web_metrics(out, metrics, ARRAY_SIZE(metrics));
        web_backend_metrics(&d->backend, out);
}
