/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */

#include <errno.h>

#include "base/str.h"
#include "notifier/notifier.h"
#include "notifier/panel.h"
#include "web/web_input.h"

static int begin_system(struct http_request *r)
{
        const struct notifier *d = http_request_context(r);

        return host_state_begin(d->host_state, r, &d->conf->broker);
}

/* Times as everywhere, amounts as text. Each is a few index reads: it runs whenever somebody looks. */
static const struct panel panels[] = {
        {"prices",
         "WITH shown AS (SELECT code, description FROM product WHERE deleted_at IS NULL AND code = "
         "coalesce($1, "
         "(SELECT code FROM product WHERE deleted_at IS NULL ORDER BY updated_at DESC, code DESC LIMIT 1))), "
         "history AS (SELECT h.selling_price, h.at FROM product_price h, shown WHERE h.code = shown.code "
         "ORDER BY h.version DESC LIMIT 200), "
         "lately AS (SELECT * FROM product WHERE deleted_at IS NULL ORDER BY updated_at DESC, code DESC "
         "LIMIT 8) "
         "SELECT json_build_object('code', (SELECT code FROM shown), "
         "'description', (SELECT description FROM shown), "
         "'points', (SELECT json_agg(json_build_object('selling_price', selling_price::text, 'at', "
         "rfc3339(at)) "
         "ORDER BY at) FROM history), "
         "'changed', (SELECT coalesce(json_agg(json_build_object('code', code, 'description', description, "
         "'selling_price', selling_price::text, 'updated_at', rfc3339(updated_at)) ORDER BY updated_at DESC, "
         "code DESC), '[]') FROM lately))::text",
         .param = "code"},
        {"records",
         "SELECT json_build_object('total', (SELECT last FROM counter WHERE name = 'record'), "
         "'by_client_type', (SELECT json_object_agg(substr(name, 8), last ORDER BY name) FROM counter "
         "WHERE name LIKE 'record.%'), "
         "'newest', (SELECT coalesce(json_agg(json_build_object('id', id, 'message', left(message, 200), "
         "'client_type', client_type, 'created_at', rfc3339(created_at), 'total', total) ORDER BY total "
         "DESC), "
         "'[]') FROM (SELECT * FROM record ORDER BY total DESC LIMIT 8) r))::text"},
        {"schedules",
         "SELECT json_build_object('schedules', (SELECT coalesce(json_agg(json_build_object('name', s.name, "
         "'task', s.task, 'paused', s.paused_at IS NOT NULL, 'next_time', CASE WHEN s.next_due < 'infinity' "
         "THEN rfc3339(s.next_time) END) ORDER BY s.next_due, s.name), '[]') FROM (SELECT * FROM schedule "
         "WHERE deleted_at IS NULL ORDER BY next_due, name LIMIT 12) s), "
         "'firings', (SELECT coalesce(json_agg(json_build_object('schedule', f.schedule, 'at', "
         "rfc3339(f.nominal_time), 'state', f.state, "
         "'late_ms', round(extract(epoch FROM f.sent_at - f.due_at) * 1000), "
         /* a worker may answer before the broker's confirm is noted */
         "'duration_ms', CASE WHEN f.finished_at < coalesce(f.started_at, f.sent_at) THEN 0 ELSE "
         "round(extract(epoch FROM f.finished_at - coalesce(f.started_at, f.sent_at)) * 1000) END, "
         "'result', left(coalesce(f.error, f.result::text), 120)) ORDER BY f.fired_at), '[]') "
         "FROM (SELECT * FROM firing ORDER BY fired_at DESC LIMIT 120) f))::text"},
        {"calculations",
         "WITH lately AS (SELECT * FROM calculation ORDER BY id DESC LIMIT 1000), "
         "latest AS (SELECT * FROM lately ORDER BY id DESC LIMIT 10) "
         "SELECT json_build_object('shown', (SELECT count(*) FROM lately), "
         "'states', (SELECT coalesce(json_object_agg(state, n), '{}') FROM "
         "(SELECT state, count(*) AS n FROM lately GROUP BY state) s), "
         "'parked', (SELECT count(*) FROM (SELECT FROM calculation WHERE state = 'parked' LIMIT 10000) p), "
         "'latest', (SELECT coalesce(json_agg(json_build_object('expression', left(expression, 200), "
         "'state', state, 'value', result::json->>'value', 'error', error::json, "
         "'created_at', rfc3339(created_at)) ORDER BY id DESC), '[]') FROM latest))::text"},
        {"system", .begin = begin_system},
        {"health",
         "SELECT json_build_object('outbox', (SELECT count(*) FROM (SELECT FROM outbox LIMIT 10000) o), "
         "'outbox_oldest_sec', (SELECT extract(epoch FROM clock_timestamp() - min(at))::bigint FROM outbox), "
         "'head', (SELECT last FROM event_head), 'first', (SELECT first FROM event_head), "
         "'published', (SELECT published FROM relay), 'schema', (SELECT max(version) FROM schema_migration), "
         "'last_event_at', (SELECT rfc3339(time) FROM event ORDER BY \"offset\" DESC LIMIT 1), "
         "'awake', (SELECT coalesce(json_object_agg(application_name, since), '{}') FROM (SELECT "
         "application_name, rfc3339(min(backend_start)) AS since FROM pg_stat_activity WHERE "
         "application_name "
         "LIKE 'lonja-%' AND datname = current_database() GROUP BY application_name) a))::text"},
};

struct panel_request { /* in the op slot */
        struct http_request *request;
        struct pg_statement statement; /* nameless: nobody looks so often that preparing would pay */
        struct pg_query query;
};

static void panel_done(void *op)
{
        struct panel_request *p = op;

        pg_query_done(&p->query);
}

static void on_read(struct pg_query *q)
{
        struct panel_request *p = container_of(q, struct panel_request, query);
        struct buf body = BUF_EMPTY;

        if (q->status < 0) {
                if (q->status == -EIO)
                        http_request_log_field(p->request, "DATABASE_ERROR", q->error);
                http_reply_error(p->request, q->status);
                return;
        }
        buf_append_str(&body, pg_query_rows(q) == 1 ? pg_row_text(q, 0, 0) : "null");
        if (buf_error(&body) < 0)
                http_reply_error(p->request, -ENOMEM);
        else
                http_reply_buf(p->request, 200, "application/json", &body);
        buf_done(&body);
}

static const struct panel *find(const char *name)
{
        for (size_t i = 0; i < ARRAY_SIZE(panels); i++)
                if (streq(panels[i].name, name))
                        return &panels[i];
        return NULL;
}

int panel_api_get(struct http_request *r)
{
        const struct panel *panel = find(http_request_segment(r, "panel"));
        const struct notifier *d = http_request_context(r);
        struct panel_request *p;

        if (!panel) {
                http_reply_problem(r, 404, "not-found", "the dashboard has no such panel");
                return 0;
        }
        if (web_input_parameters(r, (const char *const[]){panel->param, NULL}) != 0)
                return 0;
        if (panel->begin)
                return panel->begin(r);
        p = http_request_op(r, sizeof(*p), panel_done);
        if (!p)
                return -ENOMEM;
        p->request = r;
        p->statement.sql = panel->sql;
        pg_query_init(&p->query, &p->statement, on_read);
        if (panel->param)
                pg_query_text(&p->query, url_query_get(http_request_query(r), panel->param));
        return pg_query_submit(&p->query, d->backend.pool, PG_LANE_READ, http_request_deadline(r));
}
