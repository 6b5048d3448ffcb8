/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */

/* Records over gRPC. */

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

#include "base/alloc.h"
#include "base/str.h"
#include "gateway/gateway.h"
#include "gateway/record_grpc.h"
#include "gateway/record_store.h"
#include "proto/lonja/v1/records.pb-c.h"

/* ---- Adding ---- */

struct add_op {
        struct rpc_call *call;
        struct record_add add;
};

static void add_op_done(void *slot)
{
        struct add_op *op = slot;

        record_add_cancel(&op->add);
}

static void reply_record(struct add_op *op, const struct record_result *result)
{
        Lonja__V1__Record m = LONJA__V1__RECORD__INIT;
        char id[24];

        (void)snprintf(id, sizeof(id), "%" PRId64, result->id);
        rpc_call_log_field(op->call, "RECORD_ID", id);
        if (result->outcome == RECORD_REPLAYED)
                rpc_call_add_header(op->call, "idempotency-replayed", "true", strlen("true"));
        m.id = result->id;
        m.message = (char *)op->add.message;
        m.client_type = (char *)result->client_type;
        m.created_at = (char *)result->created_at;
        m.total = result->total;
        rpc_call_reply(op->call, &m.base);
}

static void on_added(struct record_add *a, const struct record_result *result)
{
        struct add_op *op = container_of(a, struct add_op, add);

        if (result->status < 0)
                web_rpc_fail_write(op->call, result->status, result->sqlstate, result->error);
        else if (result->outcome == RECORD_KEY_REUSED)
                rpc_call_problem(op->call, 422, "idempotency-key-reused",
                                 "this idempotency-key was used with another message");
        else
                reply_record(op, result);
}

int record_grpc_add(struct rpc_call *c)
{
        const Lonja__V1__AddRecordRequest *q = (const void *)rpc_call_request(c);
        struct gateway *d = rpc_call_context(c);
        struct add_op *op;
        const char *key;

        if (!record_message_is_valid(q->message, strlen(q->message))) {
                rpc_call_problem(c, 400, "invalid-input", "message must be 1 to %d characters",
                                 RECORD_MESSAGE_MAX);
                return 0;
        }
        if (web_rpc_read_key(c, &key) != 0)
                return 0;
        op = rpc_call_op(c, sizeof(*op), add_op_done);
        if (!op)
                return -ENOMEM;
        op->call = c;
        op->add = (struct record_add){
                .door = RECORD_GRPC,
                .message = q->message,
                .message_size = strlen(q->message),
                .key = key,
                .request_id = rpc_call_id(c),
                .deadline_usec = rpc_call_deadline(c),
                .complete = on_added,
        };
        return record_add_submit(&op->add, d->records);
}

/* ---- Reading ---- */

struct read_op {
        struct rpc_call *call;
        struct pg_query query;
        unsigned limit; /* of a page */
};

static void read_op_done(void *slot)
{
        pg_query_done(&((struct read_op *)slot)->query);
}

static struct read_op *read_op_new(struct rpc_call *c)
{
        struct read_op *op = rpc_call_op(c, sizeof(*op), read_op_done);

        if (op)
                op->call = c;
        return op;
}

static int submit(struct read_op *op)
{
        struct gateway *d = rpc_call_context(op->call);

        return pg_query_submit(&op->query, d->backend.pool, PG_LANE_READ, rpc_call_deadline(op->call));
}

/* The texts stay the query's. */
static void fill(Lonja__V1__Record *m, const struct record_view *v)
{
        lonja__v1__record__init(m);
        m->id = v->id;
        m->message = (char *)v->message;
        m->client_type = (char *)v->client_type;
        m->created_at = (char *)v->created_at;
        m->total = v->total;
}

static void fill_row(Lonja__V1__Record *m, const struct pg_query *q, size_t row)
{
        const struct record_view v = record_store_view(q, row);

        fill(m, &v);
}

static void on_found(struct pg_query *q)
{
        struct rpc_call *c = container_of(q, struct read_op, query)->call;
        Lonja__V1__Record m;

        if (q->status < 0)
                rpc_call_error(c, q->status);
        else if (pg_query_rows(q) == 0)
                rpc_call_problem(c, 404, "not-found", "there is no such record");
        else {
                fill_row(&m, q, 0);
                rpc_call_reply(c, &m.base);
        }
}

int record_grpc_get(struct rpc_call *c)
{
        const Lonja__V1__GetRecordRequest *q = (const void *)rpc_call_request(c);
        struct read_op *op = read_op_new(c);

        if (!op)
                return -ENOMEM;
        record_store_find(&op->query, q->id, on_found);
        return submit(op);
}

static void reply_page(struct read_op *op)
{
        Lonja__V1__ListRecordsResponse m = LONJA__V1__LIST_RECORDS_RESPONSE__INIT;
        size_t n = pg_query_rows(&op->query);
        _cleanup_free_ Lonja__V1__Record *records = new0(Lonja__V1__Record, n + 1);
        _cleanup_free_ Lonja__V1__Record **places = new0(Lonja__V1__Record *, n + 1);

        if (!records || !places) {
                rpc_call_error(op->call, -ENOMEM);
                return;
        }
        /* One row more than asked for says that there is another page. */
        m.n_results = MIN_OF(n, (size_t)op->limit);
        m.results = places;
        for (size_t i = 0; i < m.n_results; i++) {
                fill_row(&records[i], &op->query, i);
                places[i] = &records[i];
        }
        if (n > op->limit)
                m.next_before_id = records[op->limit - 1].id;
        rpc_call_reply(op->call, &m.base);
}

static void on_page(struct pg_query *q)
{
        struct read_op *op = container_of(q, struct read_op, query);

        if (q->status < 0)
                rpc_call_error(op->call, q->status);
        else
                reply_page(op);
}

int record_grpc_list(struct rpc_call *c)
{
        const Lonja__V1__ListRecordsRequest *q = (const void *)rpc_call_request(c);
        struct read_op *op;

        if (q->limit > WEB_LIMIT_MAX || q->before_id < 0) {
                rpc_call_problem(c, 400, "invalid-input", "limit is at most %d, before_id not negative",
                                 WEB_LIMIT_MAX);
                return 0;
        }
        op = read_op_new(c);
        if (!op)
                return -ENOMEM;
        op->limit = q->limit > 0 ? q->limit : WEB_LIMIT_DEFAULT;
        record_store_page(&op->query, q->before_id > 0 ? q->before_id : INT64_MAX, q->client_type,
                          op->limit + 1, on_page);
        return submit(op);
}

/* ---- Watching ---- */

struct watch_op {
        struct rpc_call *call;
        const char *client_type; /* of the request; "": all */
        struct record_watch watch;
};

static void watch_op_done(void *slot)
{
        record_watch_stop(&((struct watch_op *)slot)->watch);
}

static void on_placed(struct record_watch *w)
{
        struct rpc_call *c = container_of(w, struct watch_op, watch)->call;
        char since[24];

        (void)snprintf(since, sizeof(since), "%" PRId64, w->position);
        rpc_call_add_header(c, "lonja-since", since, strlen(since));
        rpc_call_open(c);
}

static int on_record(struct record_watch *w, const struct record_view *v)
{
        struct watch_op *op = container_of(w, struct watch_op, watch);
        Lonja__V1__Record m;
        int r;

        if (*op->client_type && !streq(op->client_type, v->client_type))
                return 0;
        if (!web_rpc_may_send(op->call))
                return -EAGAIN;
        fill(&m, v);
        r = rpc_call_send(op->call, &m.base);
        if (r < 0)
                rpc_call_error(op->call, r); /* nothing, if it is over */
        return r < 0 ? -EPIPE : r;
}

static void on_lost(struct record_watch *w, int64_t last)
{
        rpc_call_problem(container_of(w, struct watch_op, watch)->call, 400, "invalid-input",
                         "since is %" PRId64 ", but there are %" PRId64 " records", w->position, last);
}

void record_grpc_watch_writable(struct rpc_call *c)
{
        struct watch_op *op = rpc_call_slot(c);

        record_watch_go_on(&op->watch);
}

int record_grpc_watch(struct rpc_call *c)
{
        const Lonja__V1__WatchRecordsRequest *q = (const void *)rpc_call_request(c);
        struct gateway *d = rpc_call_context(c);
        bool has_since = q->begin_case == LONJA__V1__WATCH_RECORDS_REQUEST__BEGIN_SINCE;
        struct watch_op *op;

        if (has_since && q->since < 0) {
                rpc_call_problem(c, 400, "invalid-input", "since is not negative");
                return 0;
        }
        op = rpc_call_op(c, sizeof(*op), watch_op_done);
        if (!op)
                return -ENOMEM;
        op->call = c;
        op->client_type = q->client_type;
        op->watch = (struct record_watch){
                .placed = on_placed,
                .take = on_record,
                .lost = on_lost,
                .position = has_since ? q->since : RECORD_FROM_NOW,
        };
        record_watch_start(&op->watch, &d->record_feed);
        return 0;
}
