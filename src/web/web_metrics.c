/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */

/* Prometheus text, version 0.0.4: HELP and TYPE before the samples of each family. */

#include <inttypes.h>
#include <stdio.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/fd.h"
#include "base/macro.h"
#include "web/web_private.h"

void web_metric_family(struct buf *out, const char *name, const char *type, const char *help)
{
        buf_printf(out, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

void web_metrics(struct buf *out, const struct web_metric *metrics, size_t n)
{
        for (size_t i = 0; i < n; i++) {
                web_metric_family(out, metrics[i].name, metrics[i].type, metrics[i].help);
                buf_printf(out, "%s %" PRIu64 "\n", metrics[i].name, metrics[i].value);
        }
}

static void seconds(struct buf *out, uint64_t usec)
{
        buf_printf(out, "%" PRIu64 ".%06" PRIu64, usec / USEC_PER_SEC, usec % USEC_PER_SEC);
}

static void write_latency(struct buf *out, const struct http_metrics *m)
{
        static const char name[] = "lonja_http_request_duration_seconds";
        uint64_t n = 0;

        web_metric_family(out, name, "histogram", "From the arrival of a request to its answer.");
        for (size_t i = 0; i < ARRAY_SIZE(m->buckets); i++) {
                n += m->buckets[i];
                buf_printf(out, "%s_bucket{le=\"", name);
                if (i < ARRAY_SIZE(http_latency_bounds_usec))
                        seconds(out, http_latency_bounds_usec[i]);
                else
                        buf_append_str(out, "+Inf");
                buf_printf(out, "\"} %" PRIu64 "\n", n);
        }
        buf_printf(out, "%s_sum ", name);
        seconds(out, m->latency_sum_usec);
        buf_printf(out, "\n%s_count %" PRIu64 "\n", name, n);
}

static void write_http(struct buf *out, const struct http_metrics *m)
{
        web_metric_family(out, "lonja_http_requests_total", "counter",
                          "Requests answered, by class of status.");
        for (size_t i = 1; i < ARRAY_SIZE(m->n_requests); i++)
                buf_printf(out, "lonja_http_requests_total{status=\"%zuxx\"} %" PRIu64 "\n", i,
                           m->n_requests[i]);
        const struct web_metric metrics[] = {
                {"lonja_http_connections", "gauge", "Open connections.", m->n_connections},
                {"lonja_http_requests_waiting", "gauge", "Requests waiting for a result.", m->n_waiting},
                {"lonja_http_refused_total", "counter", "Refused beyond a limit.", m->n_refused},
        };

        web_metrics(out, metrics, ARRAY_SIZE(metrics));
        write_latency(out, m);
}

static void write_pg(struct buf *out, const struct pg_pool *pool)
{
        struct pg_pool_metrics m;

        pg_pool_metrics(pool, &m);
        const struct web_metric metrics[] = {
                {"lonja_pg_up", "gauge", "1 while the database is connected and its schema fits.",
                 pg_pool_state(pool) == PG_UP},
                {"lonja_pg_jobs_total", "counter", "Statements submitted.", m.n_jobs},
                {"lonja_pg_jobs_failed_total", "counter", "Statements that failed.", m.n_failed},
                {"lonja_pg_reconnects_total", "counter", "Connections made again after a loss.",
                 m.n_reconnects},
                {"lonja_pg_jobs_waiting", "gauge", "Statements not sent yet.", m.n_waiting},
                {"lonja_pg_jobs_in_flight", "gauge", "Statements sent and not answered.", m.n_in_flight},
                {"lonja_pg_connections", "gauge", "Connections to the database.", m.n_connected},
        };

        web_metrics(out, metrics, ARRAY_SIZE(metrics));
}

/* The names that Prometheus' own client libraries use, so that existing dashboards work. */
static void write_process(struct buf *out)
{
        struct rusage usage;
        _cleanup_free_ char *statm = NULL;
        unsigned long pages;

        if (getrusage(RUSAGE_SELF, &usage) == 0) {
                web_metric_family(out, "process_cpu_seconds_total", "counter",
                                  "CPU time used, user and system.");
                buf_append_str(out, "process_cpu_seconds_total ");
                seconds(out, (uint64_t)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * USEC_PER_SEC +
                                     (uint64_t)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec));
                buf_append_char(out, '\n');
        }
        if (fd_read_file("/proc/self/statm", 256, &statm, NULL) == 0 && sscanf(statm, "%*u %lu", &pages) == 1)
                web_metrics(out,
                            &(const struct web_metric){"process_resident_memory_bytes", "gauge",
                                                       "Resident memory.",
                                                       (uint64_t)pages * (uint64_t)sysconf(_SC_PAGESIZE)},
                            1);
}

void web_metrics_write(struct web *w, struct buf *out)
{
        write_process(out);
        write_http(out, http_server_metrics(w->server));
        write_pg(out, w->pool);
        w->metrics(w, out);
}
