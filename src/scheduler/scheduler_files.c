/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */

/* The files of this host, brought into the database after each start and reload. */

#include <errno.h>
#include <limits.h>
#include <unistd.h>

#include "base/alloc.h"
#include "scheduler/schedule_file.h"
#include "scheduler/scheduler.h"
#include "service/log.h"

#define RETRY_USEC (5 * USEC_PER_SEC)
#define QUERY_TIMEOUT (30 * USEC_PER_SEC)

static void on_retry(struct loop_timer *t)
{
        scheduler_sync_files(container_of(t, struct scheduler, files_retry));
}

static void on_synced(struct pg_query *q)
{
        struct scheduler *d = container_of(q, struct scheduler, files);

        if (q->status == 0) {
                for (size_t i = 0, n = pg_query_rows(q); i < n; i++)
                        log_fields(LOG_WARNING, LOG_FIELDS({"SCHEDULE", pg_row_text(q, i, 0)}),
                                   "The file of schedule %s is ignored: one of this name was made by hand",
                                   pg_row_text(q, i, 0));
                event_relay_poke(d->backend.relay);
                ticker_poke(&d->ticker);
        } else {
                log_debug("Cannot bring the schedules of the files into the database: %s", q->error);
                d->files_are_due = true;
                (void)loop_timer_start(&d->files_retry, service_loop(d->service), RETRY_USEC, on_retry);
        }
        pg_query_done(q);
        if (q->status == 0 && d->files_are_due) /* a reload came in between */
                (void)loop_timer_start(&d->files_retry, service_loop(d->service), 0, on_retry);
}

static char *read_files(struct scheduler *d)
{
        _cleanup_(buf_done) struct buf messages = BUF_EMPTY;
        _cleanup_json_ json_t *all = NULL;
        int r;

        r = schedule_files_read(service_config_dir(d->service), &all, &messages);
        if (r == 0)
                return json_dumps(all, JSON_COMPACT);
        /* They were right when the configuration was read; the database keeps what it has. */
        log_error_errno(r, "Cannot read the schedules in %s/" SCHEDULE_DIR ": %m",
                        service_config_dir(d->service));
        return NULL;
}

void scheduler_sync_files(struct scheduler *d)
{
        _cleanup_free_ char *all = NULL;
        char host[HOST_NAME_MAX + 1] = "";

        d->files_are_due = true;
        if (d->files.state != PG_QUERY_IDLE)
                return;
        d->files_are_due = false;
        all = read_files(d);
        if (!all)
                return;
        (void)gethostname(host, sizeof(host) - 1);
        schedule_store_files(&d->files, host, all, on_synced);
        if (pg_query_submit(&d->files, d->backend.pool, PG_LANE_WRITE,
                            usec_add(clock_monotonic_usec(), QUERY_TIMEOUT)) < 0) {
                pg_query_done(&d->files);
                (void)loop_timer_start(&d->files_retry, service_loop(d->service), RETRY_USEC, on_retry);
        }
}
