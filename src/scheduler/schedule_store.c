/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */
#include "scheduler/schedule_store.h"

#include "base/str.h"

#define STRING(x) STRING_(x)
#define STRING_(x) #x

/* Read by schedule_row_read(), in this order. */
#define ROW_COLUMNS                                                                                          \
        "s.name, s.version, usec_of(s.planned_to), coalesce(s.every, ''), coalesce(s.cron, ''), s.timezone," \
        " s.jitter, s.catch_up, s.catch_up_window, usec_of(s.start_at), usec_of(s.end_at)"

enum row_column {
        NOW,
        NEXT,
        NAME,
        VERSION,
        PLANNED_TO,
        EVERY,
        CRON,
        TIMEZONE,
        JITTER,
        CATCH_UP,
        WINDOW,
        START,
        END
};

static const struct pg_statement get_statement = {
        "schedule_get",
        "SELECT schedule_json(s), s.version FROM schedule s WHERE name = $1 AND deleted_at IS NULL",
};
static const struct pg_statement state_statement = {
        "schedule_state",
        "SELECT schedule_state_json(s) FROM schedule s WHERE name = $1 AND deleted_at IS NULL",
};
static const struct pg_statement put_statement = {
        "schedule_put",
        "SELECT * FROM schedule_put($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)",
};
static const struct pg_statement delete_statement = {
        "schedule_delete",
        "SELECT * FROM schedule_delete($1, $2, $3, $4, $5)",
};
static const struct pg_statement pause_statement = {
        "schedule_pause",
        "SELECT * FROM schedule_pause($1, $2, $3, $4, $5)",
};
static const struct pg_statement run_statement = {
        "schedule_run",
        "SELECT * FROM schedule_run($1, $2, $3, $4)",
};
static const struct pg_statement backfill_statement = {
        "schedule_backfill",
        "SELECT * FROM schedule_backfill($1, $2, $3, $4, $5, $6)",
};
static const struct pg_statement files_statement = {
        "schedule_files",
        "SELECT * FROM schedule_files($1, $2)",
};
static const struct pg_statement due_statement = {
        "schedule_due",
        "WITH n AS MATERIALIZED (SELECT scheduler_now() AS now)"
        " SELECT usec_of(n.now),"
        "        usec_of((SELECT min(next_due) FROM schedule WHERE next_due > n.now AND next_due < "
        "'infinity')),"
        " " ROW_COLUMNS " FROM n LEFT JOIN LATERAL"
        " (SELECT * FROM schedule WHERE next_due <= n.now AND next_due < 'infinity'"
        "   ORDER BY next_due LIMIT " STRING(SCHEDULE_DUE_MAX) ") s ON true",
};
static const struct pg_statement one_statement = {
        "schedule_one",
        "SELECT usec_of(scheduler_now()), NULL::bigint, " ROW_COLUMNS
        " FROM schedule s WHERE name = $1 AND deleted_at IS NULL",
};

static const struct web_field schedule_fields[] = {
        {"name", "name", WEB_FIELD_TEXT, .can_order = true, .can_filter = true, .can_search = true},
        {"task", "task", WEB_FIELD_TEXT, .can_order = true, .can_filter = true, .can_search = true},
        {"queue", "queue", WEB_FIELD_TEXT, .can_order = true, .can_filter = true, .can_search = true},
        {"updated_at", "updated_at", WEB_FIELD_TIME, .can_order = true, .can_filter = true},
        {"version", "version", WEB_FIELD_INT, .can_filter = true},
        {NULL},
};
const struct web_list_resource schedule_list_resource = {
        .path = "/api/schedules",
        .columns = "schedule_json(schedule), schedule_state_json(schedule)",
        .n_columns = 2,
        .from = "schedule",
        .where = "deleted_at IS NULL",
        .fields = schedule_fields,
};

static const struct web_field firing_fields[] = {
        {"nominal_time", "nominal_time", WEB_FIELD_TIME, .can_order = true, .can_filter = true},
        {"state", "state", WEB_FIELD_TEXT, .can_filter = true},
        {"kind", "kind", WEB_FIELD_TEXT, .can_filter = true},
        {"fired_at", "fired_at", WEB_FIELD_TIME, .can_filter = true},
        {NULL},
};
const struct web_list_resource firing_list_resource = {
        .columns = "firing_json(firing)",
        .n_columns = 1,
        .from = "firing",
        .where = "schedule = $1",
        .segment = "name",
        .exists = "SELECT true FROM schedule WHERE name = $1 AND deleted_at IS NULL",
        .fields = firing_fields,
};

void schedule_store_get(struct pg_query *q, const char *name, pg_query_fn complete)
{
        pg_query_init(q, &get_statement, complete);
        pg_query_text(q, name);
}

void schedule_store_get_state(struct pg_query *q, const char *name, pg_query_fn complete)
{
        pg_query_init(q, &state_statement, complete);
        pg_query_text(q, name);
}

/* Key, hash and request id, for writes that no If-Match can guard. */
static void add_unconditional(struct pg_query *q, const struct schedule_write *w, const char *name)
{
        pg_query_text(q, w->web.key);
        pg_query_text(q, w->web.hash);
        pg_query_text(q, w->request_id);
        pg_query_text(q, name);
}

void schedule_store_put(struct pg_query *q, const struct schedule_write *w, const struct schedule_put *p,
                        pg_query_fn complete)
{
        pg_query_init(q, &put_statement, complete);
        web_write_params(&w->web, q);
        pg_query_text(q, w->request_id);
        pg_query_text(q, p->operation);
        pg_query_text(q, p->name);
        pg_query_text(q, p->definition);
        pg_query_bool(q, p->is_create);
        pg_query_bool(q, p->is_update);
        if (p->base > 0)
                pg_query_int(q, p->base);
        else
                pg_query_null(q);
}

void schedule_store_delete(struct pg_query *q, const struct schedule_write *w, const char *name,
                           pg_query_fn complete)
{
        pg_query_init(q, &delete_statement, complete);
        web_write_params(&w->web, q);
        pg_query_text(q, w->request_id);
        pg_query_text(q, name);
}

void schedule_store_pause(struct pg_query *q, const struct schedule_write *w, const char *name,
                          const char *reason, pg_query_fn complete)
{
        pg_query_init(q, &pause_statement, complete);
        add_unconditional(q, w, name);
        pg_query_text(q, reason);
}

void schedule_store_run(struct pg_query *q, const struct schedule_write *w, const char *name,
                        pg_query_fn complete)
{
        pg_query_init(q, &run_statement, complete);
        add_unconditional(q, w, name);
}

void schedule_store_backfill(struct pg_query *q, const struct schedule_write *w, const char *name,
                             int64_t version, const char *times, pg_query_fn complete)
{
        pg_query_init(q, &backfill_statement, complete);
        add_unconditional(q, w, name);
        pg_query_int(q, version);
        pg_query_text(q, times);
}

void schedule_store_files(struct pg_query *q, const char *host, const char *definitions, pg_query_fn complete)
{
        pg_query_init(q, &files_statement, complete);
        pg_query_text(q, host);
        pg_query_text(q, definitions);
}

void schedule_store_due(struct pg_query *q, pg_query_fn complete)
{
        pg_query_init(q, &due_statement, complete);
}

void schedule_store_one(struct pg_query *q, const char *name, pg_query_fn complete)
{
        pg_query_init(q, &one_statement, complete);
        pg_query_text(q, name);
}

int64_t schedule_row_now(const struct pg_query *q)
{
        return pg_row_int(q, 0, NOW);
}

int64_t schedule_row_next(const struct pg_query *q)
{
        return pg_row_is_null(q, 0, NEXT) ? RECURRENCE_NEVER : pg_row_int(q, 0, NEXT);
}

bool schedule_row_read(const struct pg_query *q, size_t row, struct schedule_row *ret)
{
        if (pg_row_is_null(q, row, NAME))
                return false;
        *ret = (struct schedule_row){
                .name = pg_row_text(q, row, NAME),
                .version = pg_row_int(q, row, VERSION),
                .planned_to = pg_row_int(q, row, PLANNED_TO),
                .texts =
                        {
                                .every = pg_row_text(q, row, EVERY),
                                .cron = pg_row_text(q, row, CRON),
                                .timezone = pg_row_text(q, row, TIMEZONE),
                                .jitter = pg_row_text(q, row, JITTER),
                                .catch_up = pg_row_text(q, row, CATCH_UP),
                                .window = pg_row_text(q, row, WINDOW),
                                .start_usec =
                                        pg_row_is_null(q, row, START) ? INT64_MIN : pg_row_int(q, row, START),
                                .end_usec = pg_row_is_null(q, row, END) ? INT64_MAX : pg_row_int(q, row, END),
                        },
        };
        return true;
}

/* In lists a schedule has its state with it; alone it has none, since that changes without a new version. */
void schedule_store_write_row(struct buf *out, const struct pg_query *q, size_t row)
{
        buf_append(out, pg_row_text(q, row, 0), pg_row_size(q, row, 0) - 1);
        buf_append_str(out, ",\"state\":");
        buf_append(out, pg_row_text(q, row, 1), pg_row_size(q, row, 1));
        buf_append_char(out, '}');
}

void firing_store_write_row(struct buf *out, const struct pg_query *q, size_t row)
{
        buf_append(out, pg_row_text(q, row, 0), pg_row_size(q, row, 0));
}
