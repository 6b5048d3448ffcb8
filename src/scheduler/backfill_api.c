/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */

/* Firing what lies in the past: the nominal times of a range that are not in the ledger. */

#include <errno.h>

#include "base/alloc.h"
#include "base/parse.h"
#include "scheduler/scheduler.h"
#include "json/jwrite.h"

#define TIMES_MAX 1000 /* in one request: they all go out at once */

static const char *const json_media[] = {"application/json", NULL};

struct backfill_op {
        struct http_request *request;
        struct pg_query query;
        struct schedule_write write;
        char *from, *to; /* owned */
        int64_t from_usec, to_usec;
};

static void backfill_op_done(void *slot)
{
        struct backfill_op *op = slot;

        pg_query_done(&op->query);
        free(op->from);
        free(op->to);
}

static void on_filled(struct pg_query *q)
{
        struct backfill_op *op = container_of(q, struct backfill_op, query);
        struct scheduler *d = http_request_context(op->request);

        if (q->status == 0) {
                event_relay_poke(d->backend.relay);
                sender_poke(&d->sender);
        }
        web_write_reply(op->request, q);
}

/* A JSON array of the times. 0; 1: answered, too many; -errno. */
static int write_times(struct backfill_op *op, const struct recurrence *rec, int64_t now, struct buf *out)
{
        struct jwrite w = jwrite_to(out);
        int64_t t = op->from_usec - 1, end = MIN_OF(op->to_usec, now);
        unsigned n = 0;

        jwrite_array_begin(&w);
        while ((t = recurrence_next(rec, t)) < end) {
                if (n++ == TIMES_MAX) {
                        http_reply_problem(op->request, 422, "too-many",
                                           "the range has more than %d times; take a shorter one", TIMES_MAX);
                        return 1;
                }
                jwrite_int(&w, t);
        }
        jwrite_array_end(&w);
        buf_append_char(out, '\0');
        return buf_error(out);
}

static int fill(struct backfill_op *op, const struct schedule_row *row, int64_t now)
{
        struct scheduler *d = http_request_context(op->request);
        _cleanup_(buf_done) struct buf times = BUF_EMPTY;
        int64_t version = row->version;
        struct plan_policy policy;
        struct recurrence rec;
        int k;

        k = schedule_compile(&row->texts, &d->zones, &rec, &policy);
        if (k == 0)
                k = write_times(op, &rec, now, &times);
        if (k != 0)
                return k == -ENOENT || k == -EBADMSG ? -EIO : k;
        pg_query_done(&op->query);
        schedule_store_backfill(&op->query, &op->write, http_request_segment(op->request, "name"), version,
                                buf_bytes(&times), on_filled);
        return pg_query_submit(&op->query, d->backend.pool, PG_LANE_WRITE,
                               http_request_deadline(op->request));
}

static void on_schedule(struct pg_query *q)
{
        struct backfill_op *op = container_of(q, struct backfill_op, query);
        struct schedule_row row;
        int k;

        if (q->status < 0) {
                schedule_api_failed(op->request, q);
        } else if (pg_query_rows(q) == 0 || !schedule_row_read(q, 0, &row)) {
                schedule_api_not_found(op->request, http_request_segment(op->request, "name"));
        } else {
                k = fill(op, &row, schedule_row_now(q));
                if (k < 0)
                        http_reply_error(op->request, k);
        }
}

/* 0; 1 answered; -errno. */
static int read_range(struct backfill_op *op)
{
        static const struct jread_field fields[] = {
                {.name = "from",
                 .type = JREAD_STRING,
                 .offset = offsetof(struct backfill_op, from),
                 .required = true},
                {.name = "to",
                 .type = JREAD_STRING,
                 .offset = offsetof(struct backfill_op, to),
                 .required = true},
        };
        struct field_errors errors = {.n_errors = 0};
        _cleanup_json_ json_t *body = NULL;
        const char *text;
        size_t n;
        int k;

        text = http_request_body(op->request, &n);
        k = jread_text(text, n, &body, &errors);
        if (k == 0)
                k = jread_object(body, fields, ARRAY_SIZE(fields), "", op, &errors);
        if (k == 0 && parse_rfc3339(op->from, &op->from_usec) < 0)
                field_errors_add(&errors, "/from", "must be a time such as \"2026-11-22T03:35:00Z\"");
        if (k == 0 && parse_rfc3339(op->to, &op->to_usec) < 0)
                field_errors_add(&errors, "/to", "must be a time such as \"2026-11-22T03:35:00Z\"");
        if (errors.n_errors == 0)
                return k;
        http_reply_invalid(op->request, &errors);
        return 1;
}

static int read_key(struct backfill_op *op, const char *name)
{
        struct buf command = BUF_EMPTY;
        int k;

        buf_printf(&command, "%s\n%lld\n%lld", name, (long long)op->from_usec, (long long)op->to_usec);
        k = buf_error(&command);
        if (k == 0)
                k = web_write_read(op->request, "schedule.backfill", &command, &op->write.web);
        buf_done(&command);
        return k;
}

int schedule_api_backfill(struct http_request *r)
{
        struct scheduler *d = http_request_context(r);
        struct backfill_op *op = http_request_op(r, sizeof(*op), backfill_op_done);
        const char *name;
        size_t which;
        int k;

        if (!op)
                return -ENOMEM;
        op->request = r;
        op->write.request_id = http_request_id(r);
        if (web_input_parameters(r, NULL) != 0 || web_input_media(r, json_media, &which) != 0 ||
            schedule_api_name(r, &name) != 0)
                return 0;
        k = read_range(op);
        if (k == 0)
                k = read_key(op, name);
        if (k != 0)
                return MIN_OF(k, 0);
        http_request_log_field(r, "SCHEDULE", name);
        schedule_store_one(&op->query, name, on_schedule);
        return pg_query_submit(&op->query, d->backend.pool, PG_LANE_READ, http_request_deadline(r));
}
