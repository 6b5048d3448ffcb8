/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */

/* Writing schedules. Each handler reads and judges the request, then leaves the rest to one SQL function. */

#include <errno.h>
#include <string.h>

#include "base/alloc.h"
#include "base/str.h"
#include "scheduler/scheduler.h"
#include "json/jwrite.h"

#define PATCH_ATTEMPTS 5 /* others who change the same schedule at the same moment */

static const char *const json_media[] = {"application/json", NULL};
static const char *const patch_media[] = {"application/merge-patch+json", "application/json", NULL};

struct write_op {
        struct http_request *request;
        struct pg_query query;
        struct schedule_write write;
        struct schedule_put put;
        json_t *body;     /* owned */
        char *definition; /* owned */
        unsigned attempts;
};

static void write_op_done(void *slot)
{
        struct write_op *op = slot;

        pg_query_done(&op->query);
        json_decref(op->body);
        free(op->definition);
}

static struct write_op *write_op_new(struct http_request *r)
{
        struct write_op *op = http_request_op(r, sizeof(*op), write_op_done);

        if (op) {
                op->request = r;
                op->write.request_id = http_request_id(r);
        }
        return op;
}

static void on_written(struct pg_query *q)
{
        struct write_op *op = container_of(q, struct write_op, query);
        struct scheduler *d = http_request_context(op->request);

        if (q->status == 0) {
                event_relay_poke(d->backend.relay);
                ticker_poke(&d->ticker);
                sender_poke(&d->sender);
        }
        web_write_reply(op->request, q);
}

static int submit(struct write_op *op, const char *name)
{
        struct scheduler *d = http_request_context(op->request);

        http_request_log_field(op->request, "SCHEDULE", name);
        return pg_query_submit(&op->query, d->backend.pool, PG_LANE_WRITE,
                               http_request_deadline(op->request));
}

/* Key and If-Match of a write whose command is `body` for `name`. 0; 1 answered; -errno. */
static int read_headers(struct write_op *op, const char *operation, const char *name, const json_t *body)
{
        _cleanup_free_ char *text = body ? json_dumps(body, JSON_COMPACT | JSON_SORT_KEYS) : NULL;
        struct buf command = BUF_EMPTY;
        int k;

        if (body && !text)
                return -ENOMEM;
        buf_append_str(&command, name ? name : "");
        buf_append_char(&command, '\n');
        buf_append_str(&command, text ? text : "");
        k = buf_error(&command);
        if (k == 0)
                k = web_write_read(op->request, operation, &command, &op->write.web);
        buf_done(&command);
        return k;
}

/* The body as JSON. 0; 1 answered; -errno. */
static int read_body(struct write_op *op, const char *const *media)
{
        struct field_errors errors = {.n_errors = 0};
        const char *text;
        size_t n, which;
        int k;

        if (web_input_parameters(op->request, NULL) != 0 || web_input_media(op->request, media, &which) != 0)
                return 1;
        text = http_request_body(op->request, &n);
        k = jread_text(text, n, &op->body, &errors);
        if (k == 0 && !json_is_object(op->body)) {
                field_errors_add(&errors, "", "must be an object");
                k = -EBADMSG;
        }
        if (k != -EBADMSG)
                return k;
        http_reply_invalid(op->request, &errors);
        return 1;
}

/* Judges a definition and makes op->definition of it; *ret_name is borrowed from `value`. `target`: the name
 * in the path. 0; 1 answered; -errno. */
static int judge(struct write_op *op, json_t *value, const char *target)
{
        struct scheduler *d = http_request_context(op->request);
        struct field_errors errors = {.n_errors = 0};
        struct schedule s = {0};
        json_t *columns = NULL;
        int k;

        k = schedule_read(value, &d->zones, "", &s, &errors);
        if (target && s.name && !streq(s.name, target))
                field_errors_add(&errors, "/name", "is fixed: the path says %s", target);
        if (!target && !s.name)
                field_errors_add(&errors, "/name", "is required");
        if (k != -EBADMSG && k < 0)
                goto finish;
        if (errors.n_errors > 0) {
                http_reply_invalid(op->request, &errors);
                k = 1;
                goto finish;
        }
        columns = schedule_columns(&s, NULL);
        free(op->definition);
        op->definition = columns ? json_dumps(columns, JSON_COMPACT) : NULL;
        op->put.definition = op->definition;
        k = op->definition ? 0 : -ENOMEM;
finish:
        json_decref(columns);
        schedule_done(&s);
        return k;
}

int schedule_api_create(struct http_request *r)
{
        struct write_op *op = write_op_new(r);
        int k;

        if (!op)
                return -ENOMEM;
        k = read_body(op, json_media);
        if (k == 0)
                k = judge(op, op->body, NULL);
        if (k == 0) {
                op->put.operation = "schedule.create";
                op->put.name = json_string_value(json_object_get(op->body, "name"));
                op->put.is_create = true;
                k = read_headers(op, op->put.operation, NULL, op->body);
        }
        if (k != 0)
                return MIN_OF(k, 0);
        schedule_store_put(&op->query, &op->write, &op->put, on_written);
        return submit(op, op->put.name);
}

static int is_create_only(struct http_request *r, bool *ret)
{
        const char *header = http_request_header(r, "If-None-Match");
        struct field_errors errors = {.n_errors = 0};

        *ret = header;
        if (!header || streq(header, "*"))
                return 0;
        field_errors_add(&errors, "If-None-Match", "must be * on a write");
        http_reply_invalid(r, &errors);
        return 1;
}

int schedule_api_put(struct http_request *r)
{
        struct write_op *op = write_op_new(r);
        int k;

        if (!op)
                return -ENOMEM;
        op->put.operation = "schedule.put";
        if (schedule_api_name(r, &op->put.name) != 0 || is_create_only(r, &op->put.is_create) != 0)
                return 0;
        k = read_body(op, json_media);
        if (k == 0)
                k = judge(op, op->body, op->put.name);
        if (k == 0)
                k = read_headers(op, op->put.operation, op->put.name, op->body);
        if (k != 0)
                return MIN_OF(k, 0);
        schedule_store_put(&op->query, &op->write, &op->put, on_written);
        return submit(op, op->put.name);
}

/* ---- PATCH: read, merge, judge the whole, write unless somebody else was faster ---- */

static int patch_begin(struct write_op *op);

static void on_patched(struct pg_query *q)
{
        struct write_op *op = container_of(q, struct write_op, query);
        int k;

        if (q->status != 0 || pg_query_rows(q) != 1 || !streq(pg_row_text(q, 0, 0), "changed-meanwhile") ||
            op->attempts >= PATCH_ATTEMPTS) {
                on_written(q);
                return;
        }
        k = patch_begin(op);
        if (k < 0)
                http_reply_error(op->request, k);
}

/* 0; 1 answered; -errno. */
static int merge(struct write_op *op, const struct pg_query *q)
{
        struct field_errors errors = {.n_errors = 0};
        _cleanup_json_ json_t *whole = NULL;
        int k;

        op->put.base = pg_row_int(q, 0, 1);
        k = jread_text(pg_row_text(q, 0, 0), pg_row_size(q, 0, 0), &whole, &errors);
        if (k == 0)
                k = schedule_patch(whole, op->body);
        if (k == 0)
                k = judge(op, whole, op->put.name);
        return k;
}

static void on_base(struct pg_query *q)
{
        struct write_op *op = container_of(q, struct write_op, query);
        int k = 0;

        if (q->status < 0) {
                schedule_api_failed(op->request, q);
                return;
        }
        /* Without a row the key may still be known: the function says which it is. */
        if (pg_query_rows(q) > 0)
                k = merge(op, q);
        if (k == 0) {
                pg_query_done(q);
                schedule_store_put(q, &op->write, &op->put, on_patched);
                k = submit(op, op->put.name);
        }
        if (k < 0)
                http_reply_error(op->request, k);
}

static int patch_begin(struct write_op *op)
{
        struct scheduler *d = http_request_context(op->request);

        op->attempts++;
        pg_query_done(&op->query);
        schedule_store_get(&op->query, op->put.name, on_base);
        return pg_query_submit(&op->query, d->backend.pool, PG_LANE_READ, http_request_deadline(op->request));
}

int schedule_api_patch(struct http_request *r)
{
        struct write_op *op = write_op_new(r);
        int k;

        if (!op)
                return -ENOMEM;
        op->put.operation = "schedule.patch";
        op->put.is_update = true;
        if (schedule_api_name(r, &op->put.name) != 0)
                return 0;
        k = read_body(op, patch_media);
        if (k == 0)
                k = read_headers(op, op->put.operation, op->put.name, op->body);
        if (k != 0)
                return MIN_OF(k, 0);
        return patch_begin(op);
}

/* ---- What has no body ---- */

/* 0; 1 answered; -errno. */
static int read_plain(struct write_op *op, const char *operation, const char **ret_name)
{
        if (web_input_parameters(op->request, NULL) != 0 || schedule_api_name(op->request, ret_name) != 0)
                return 1;
        return read_headers(op, operation, *ret_name, NULL);
}

int schedule_api_delete(struct http_request *r)
{
        struct write_op *op = write_op_new(r);
        const char *name;
        int k;

        if (!op)
                return -ENOMEM;
        k = read_plain(op, "schedule.delete", &name);
        if (k != 0)
                return MIN_OF(k, 0);
        schedule_store_delete(&op->query, &op->write, name, on_written);
        return submit(op, name);
}

int schedule_api_run(struct http_request *r)
{
        struct write_op *op = write_op_new(r);
        const char *name;
        int k;

        if (!op)
                return -ENOMEM;
        k = read_plain(op, "schedule.run", &name);
        if (k != 0)
                return MIN_OF(k, 0);
        schedule_store_run(&op->query, &op->write, name, on_written);
        return submit(op, name);
}

int schedule_api_pause(struct http_request *r)
{
        struct write_op *op = write_op_new(r);
        const char *name;
        int k;

        if (!op)
                return -ENOMEM;
        k = read_plain(op, "schedule.pause", &name);
        if (k != 0)
                return MIN_OF(k, 0);
        schedule_store_pause(&op->query, &op->write, name, "by hand", on_written);
        return submit(op, name);
}

int schedule_api_resume(struct http_request *r)
{
        struct write_op *op = write_op_new(r);
        const char *name;
        int k;

        if (!op)
                return -ENOMEM;
        k = read_plain(op, "schedule.resume", &name);
        if (k != 0)
                return MIN_OF(k, 0);
        schedule_store_pause(&op->query, &op->write, name, NULL, on_written);
        return submit(op, name);
}
