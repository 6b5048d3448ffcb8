/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */

/* Reading schedules, their history and their future. */

#include <errno.h>

#include "base/parse.h"
#include "scheduler/scheduler.h"
#include "json/jwrite.h"

#define PREVIEW_DEFAULT 10
#define PREVIEW_MAX 1000

struct read_op {
        struct http_request *request;
        struct pg_query query;
        uint64_t count; /* of a preview */
        int64_t after;  /* INT64_MIN: now */
};

static void read_op_done(void *op)
{
        pg_query_done(&((struct read_op *)op)->query);
}

int schedule_api_name(struct http_request *r, const char **ret)
{
        *ret = http_request_segment(r, "name");
        if (schedule_name_is_valid(*ret))
                return 0;
        schedule_api_not_found(r, *ret);
        return 1;
}

void schedule_api_not_found(struct http_request *r, const char *name)
{
        if (schedule_name_is_valid(name))
                http_reply_problem(r, 404, "not-found", "there is no schedule %s", name);
        else
                http_reply_problem(r, 404, "not-found", "this is no schedule's name");
}

void schedule_api_failed(struct http_request *r, const struct pg_query *q)
{
        if (q->status == -EIO) {
                http_request_log_field(r, "SQLSTATE", q->sqlstate);
                http_request_log_field(r, "DATABASE_ERROR", q->error);
        }
        http_reply_error(r, q->status);
}

/* The row that was asked for, or an answer. */
static bool has_row(struct http_request *r, const struct pg_query *q)
{
        if (q->status == 0 && pg_query_rows(q) > 0)
                return true;
        if (q->status == 0)
                schedule_api_not_found(r, http_request_segment(r, "name"));
        else
                schedule_api_failed(r, q);
        return false;
}

static int submit_read(struct read_op *op)
{
        struct scheduler *d = http_request_context(op->request);

        return pg_query_submit(&op->query, d->backend.pool, PG_LANE_READ, http_request_deadline(op->request));
}

static struct read_op *read_op_new(struct http_request *r)
{
        struct read_op *op = http_request_op(r, sizeof(*op), read_op_done);

        if (op)
                op->request = r;
        return op;
}

static void reply_text(struct http_request *r, const struct pg_query *q)
{
        struct buf body = BUF_EMPTY;

        buf_append(&body, pg_row_text(q, 0, 0), pg_row_size(q, 0, 0));
        http_reply_buf(r, 200, "application/json", &body);
}

/* ---- One schedule ---- */

static void on_schedule(struct pg_query *q)
{
        struct http_request *r = container_of(q, struct read_op, query)->request;

        if (has_row(r, q) && !web_etag_not_modified(r, pg_row_int(q, 0, 1)))
                reply_text(r, q);
}

int schedule_api_get(struct http_request *r)
{
        struct read_op *op = read_op_new(r);
        const char *name;

        if (!op)
                return -ENOMEM;
        if (web_input_parameters(r, NULL) != 0 || schedule_api_name(r, &name) != 0)
                return 0;
        schedule_store_get(&op->query, name, on_schedule);
        return submit_read(op);
}

static void on_state(struct pg_query *q)
{
        struct http_request *r = container_of(q, struct read_op, query)->request;

        if (has_row(r, q))
                reply_text(r, q);
}

int schedule_api_state(struct http_request *r)
{
        struct read_op *op = read_op_new(r);
        const char *name;

        if (!op)
                return -ENOMEM;
        if (web_input_parameters(r, NULL) != 0 || schedule_api_name(r, &name) != 0)
                return 0;
        schedule_store_get_state(&op->query, name, on_state);
        return submit_read(op);
}

/* ---- Lists ---- */

static int reply_list(struct http_request *r, const struct web_list_resource *resource,
                      void (*write_row)(struct buf *out, const struct pg_query *q, size_t row))
{
        struct scheduler *d = http_request_context(r);
        struct web_list *list;
        int k;

        k = web_list_parse(r, resource, &list);
        if (k != 0)
                return MIN_OF(k, 0);
        return web_list_submit(list, r, d->backend.pool, write_row);
}

int schedule_api_list(struct http_request *r)
{
        return reply_list(r, &schedule_list_resource, schedule_store_write_row);
}

int schedule_api_firings(struct http_request *r)
{
        const char *name;

        if (schedule_api_name(r, &name) != 0)
                return 0;
        return reply_list(r, &firing_list_resource, firing_store_write_row);
}

/* ---- The future ---- */

static void write_preview(struct buf *out, const struct recurrence *rec, const char *name, int64_t after,
                          uint64_t count)
{
        struct jwrite w = jwrite_to(out);
        char text[RFC3339_SIZE];

        jwrite_object_begin(&w);
        jwrite_key(&w, "times");
        jwrite_array_begin(&w);
        for (; count > 0; count--) {
                after = recurrence_next(rec, after);
                if (after == RECURRENCE_NEVER)
                        break;
                jwrite_object_begin(&w);
                format_rfc3339(after, text);
                jwrite_pair(&w, "nominal_time", text);
                format_rfc3339(after + (int64_t)recurrence_delay(rec, name, after), text);
                jwrite_pair(&w, "due_at", text);
                jwrite_object_end(&w);
        }
        jwrite_array_end(&w);
        jwrite_object_end(&w);
}

static void on_preview(struct pg_query *q)
{
        struct read_op *op = container_of(q, struct read_op, query);
        struct http_request *r = op->request;
        struct scheduler *d = http_request_context(r);
        struct plan_policy policy;
        struct recurrence rec;
        struct schedule_row row;
        struct buf body = BUF_EMPTY;
        int k;

        if (!has_row(r, q) || !schedule_row_read(q, 0, &row))
                return;
        k = schedule_compile(&row.texts, &d->zones, &rec, &policy);
        if (k < 0) {
                http_reply_error(r, k == -ENOMEM ? k : -EIO);
                return;
        }
        write_preview(&body, &rec, row.name, op->after == INT64_MIN ? schedule_row_now(q) : op->after,
                      op->count);
        http_reply_buf(r, 200, "application/json", &body);
}

int schedule_api_preview(struct http_request *r)
{
        static const char *const known[] = {"count", "after", NULL};
        struct read_op *op = read_op_new(r);
        struct field_errors errors = {.n_errors = 0};
        const char *name, *count, *after;

        if (!op)
                return -ENOMEM;
        if (web_input_parameters(r, known) != 0 || schedule_api_name(r, &name) != 0)
                return 0;
        op->count = PREVIEW_DEFAULT;
        op->after = INT64_MIN;
        count = url_query_get(http_request_query(r), "count");
        after = url_query_get(http_request_query(r), "after");
        if (count && parse_u64(count, 1, PREVIEW_MAX, &op->count) < 0)
                field_errors_add(&errors, "count", "must be a number from 1 to %d", PREVIEW_MAX);
        if (after && parse_rfc3339(after, &op->after) < 0)
                field_errors_add(&errors, "after", "must be a time such as \"2026-11-22T03:35:00Z\"");
        if (errors.n_errors > 0) {
                http_reply_invalid(r, &errors);
                return 0;
        }
        schedule_store_one(&op->query, name, on_preview);
        return submit_read(op);
}
