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

static void family(struct buf *out, const char *name, const char *type, const char *help)
{
        buf_printf(out, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

void web_metric(struct buf *out, const char *name, const char *type, const char *help, uint64_t value)
{
        family(out, name, type, help);
        buf_printf(out, "%s %" PRIu64 "\n", name, value);
}

static void seconds(struct buf *out, uint64_t usec)
{
        buf_printf(out, "%" PRIu64 ".%06" PRIu64, usec / USEC_PER_SEC, usec % USEC_PER_SEC);
}

static void write_latency(struct buf *out, const struct http_metrics *m)
{
        static const char name[] = "lonja_http_request_duration_seconds";
        uint64_t n = 0;

        family(out, name, "histogram", "From the arrival of a request to its answer.");
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
        family(out, "lonja_http_requests_total", "counter", "Requests answered, by class of status.");
        for (size_t i = 1; i < ARRAY_SIZE(m->n_requests); i++)
                buf_printf(out, "lonja_http_requests_total{status=\"%zuxx\"} %" PRIu64 "\n", i,
                           m->n_requests[i]);
        web_metric(out, "lonja_http_connections", "gauge", "Open connections.", m->n_connections);
        web_metric(out, "lonja_http_requests_waiting", "gauge", "Requests waiting for a result.",
                   m->n_waiting);
        web_metric(out, "lonja_http_refused_total", "counter", "Refused beyond a limit.", m->n_refused);
        write_latency(out, m);
}

static void write_pg(struct buf *out, const struct pg_pool *pool)
{
        struct pg_pool_metrics m;

        pg_pool_metrics(pool, &m);
        web_metric(out, "lonja_pg_up", "gauge", "1 while the database is connected and its schema fits.",
                   pg_pool_state(pool) == PG_UP);
        web_metric(out, "lonja_pg_jobs_total", "counter", "Statements submitted.", m.n_jobs);
        web_metric(out, "lonja_pg_jobs_failed_total", "counter", "Statements that failed.", m.n_failed);
        web_metric(out, "lonja_pg_reconnects_total", "counter", "Connections made again after a loss.",
                   m.n_reconnects);
        web_metric(out, "lonja_pg_jobs_waiting", "gauge", "Statements not sent yet.", m.n_waiting);
        web_metric(out, "lonja_pg_jobs_in_flight", "gauge", "Statements sent and not answered.",
                   m.n_in_flight);
        web_metric(out, "lonja_pg_connections", "gauge", "Connections to the database.", m.n_connected);
}

/* The names that Prometheus' own client libraries use, so that existing dashboards work. */
static void write_process(struct buf *out)
{
        struct rusage usage;
        _cleanup_free_ char *statm = NULL;
        unsigned long pages;

        if (getrusage(RUSAGE_SELF, &usage) == 0) {
                family(out, "process_cpu_seconds_total", "counter", "CPU time used, user and system.");
                buf_append_str(out, "process_cpu_seconds_total ");
                seconds(out, (uint64_t)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * USEC_PER_SEC +
                                     (uint64_t)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec));
                buf_append_char(out, '\n');
        }
        if (fd_read_file("/proc/self/statm", 256, &statm, NULL) == 0 && sscanf(statm, "%*u %lu", &pages) == 1)
                web_metric(out, "process_resident_memory_bytes", "gauge", "Resident memory.",
                           (uint64_t)pages * (uint64_t)sysconf(_SC_PAGESIZE));
}

void web_metrics_write(struct web *w, struct buf *out)
{
        write_process(out);
        write_http(out, http_server_metrics(w->server));
        if (w->pool)
                write_pg(out, w->pool);
        if (w->metrics)
                w->metrics(w->dependency_context, out);
}
