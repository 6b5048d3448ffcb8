/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */
#pragma once

/* The statements about schedules (sql/NNNN_schedules.sql).
 *
 * Each function prepares `q` for one statement; the caller submits it on the lane that is named. Writes
 * answer one write_row (web/web_write.h). */

#include "pg/pg_query.h"
#include "scheduler/schedule.h"
#include "web/web_list.h"
#include "web/web_write.h"

struct schedule_write {
        struct web_write web;
        const char *request_id; /* borrowed */
};

struct schedule_put {
        const char *operation, *name; /* "schedule.put" */
        const char *definition;       /* JSON, schedule_columns(); NULL: only the key is looked up */
        bool is_create, is_update;
        int64_t base; /* the version that the definition was made from, 0 = none */
};

/* READ: one row, the JSON of the schedule and its version; the state. */
void schedule_store_get(struct pg_query *q, const char *name, pg_query_fn complete);
void schedule_store_get_state(struct pg_query *q, const char *name, pg_query_fn complete);
/* WRITE */
void schedule_store_put(struct pg_query *q, const struct schedule_write *w, const struct schedule_put *p,
                        pg_query_fn complete);
void schedule_store_delete(struct pg_query *q, const struct schedule_write *w, const char *name,
                           pg_query_fn complete);
/* `reason` NULL: resume. */
void schedule_store_pause(struct pg_query *q, const struct schedule_write *w, const char *name,
                          const char *reason, pg_query_fn complete);
void schedule_store_run(struct pg_query *q, const struct schedule_write *w, const char *name,
                        pg_query_fn complete);
/* `times`: JSON array of microseconds. */
void schedule_store_backfill(struct pg_query *q, const struct schedule_write *w, const char *name,
                             int64_t version, const char *times, pg_query_fn complete);
/* The definitions of this host's files, a JSON array; a row for each name that is taken. */
void schedule_store_files(struct pg_query *q, const char *host, const char *definitions,
                          pg_query_fn complete);

/* READ: now, the next due time that lies ahead, and the schedules that are due, oldest first; one row at
 * least. `name` selects one schedule instead, due or not. */
#define SCHEDULE_DUE_MAX 500 /* in one turn: enough for thousands in a second, short enough for the locks */
void schedule_store_due(struct pg_query *q, pg_query_fn complete);
void schedule_store_one(struct pg_query *q, const char *name, pg_query_fn complete);

struct schedule_row {
        const char *name; /* borrowed from the query, as all texts */
        int64_t version, planned_to;
        struct schedule_texts texts;
};
int64_t schedule_row_now(const struct pg_query *q);
int64_t schedule_row_next(const struct pg_query *q); /* RECURRENCE_NEVER: none */
/* False: the row stands for no schedule. */
bool schedule_row_read(const struct pg_query *q, size_t row, struct schedule_row *ret);

extern const struct web_list_resource schedule_list_resource;
void schedule_store_write_row(struct buf *out, const struct pg_query *q, size_t row);
extern const struct web_list_resource firing_list_resource;
void firing_store_write_row(struct buf *out, const struct pg_query *q, size_t row);
