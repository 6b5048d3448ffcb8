/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */
#include "gateway/record.h"

#include <errno.h>

#include "base/alloc.h"
#include "gateway/record_store.h"
#include "service/log.h"

struct records {
        struct pg_group_line *line; /* owned */
        struct event_relay *relay;  /* borrowed, as the next */
        const char *template;
        struct records_metrics metrics;
};

const char *record_client_type(enum record_door door)
{
        static const char *const names[] = {
                [RECORD_REST] = "REST", [RECORD_GRPC] = "GRPC", [RECORD_AMQP] = "RabbitMQ"};

        return names[door];
}

/* ---- Groups ---- */

static void write_item(const struct pg_member *m, struct buf *out)
{
        record_store_write_item(out, container_of(m, struct record_add, member));
}

static void add_template(void *context, struct pg_query *q)
{
        const struct records *s = context;

        pg_query_text(q, s->template);
}

static void on_group_ended(void *context, const struct pg_query *q)
{
        struct records *s = context;

        s->metrics.n_groups++;
        if (q->status == 0) {
                event_relay_poke(s->relay);
                return;
        }
        s->metrics.n_groups_failed++;
        log_debug("A group of records failed: %s %s", q->sqlstate, q->error);
}

/* One is under way at a time. The lock lets in no second one, and it might be the first to get it: totals
 * would not be in the order of submission. What comes meanwhile makes the next group the larger. */
static const struct pg_group_role add_role = {
        .statement = {"record_add", "SELECT * FROM record_add($1, $2)"},
        .running_max = 1,
        .write = write_item,
        .add_parameters = add_template,
        .ended = on_group_ended,
};

/* ---- Doors ---- */

static void count(struct records_metrics *m, const struct record_add *a, const struct record_result *result)
{
        if (result->status < 0)
                m->n_failed++;
        else if (result->outcome == RECORD_ADDED)
                m->n_added[a->door]++;
        else if (result->outcome == RECORD_REPLAYED)
                m->n_replayed++;
}

static void on_member_done(struct pg_member *m, const struct pg_query *q, size_t row)
{
        struct record_add *a = container_of(m, struct record_add, member);
        struct record_result result = {.status = q->status, .sqlstate = q->sqlstate, .error = q->error};

        /* Sent but unanswered: nobody here knows whether it was committed. */
        if (q->was_sent && (q->status == -ETIMEDOUT || q->status == -ECANCELED))
                result.status = -ECONNRESET;
        if (q->status == 0)
                record_store_read_added(q, row, &result);
        count(&a->records->metrics, a, &result);
        a->complete(a, &result);
}

int record_add_submit(struct record_add *a, struct records *s)
{
        a->records = s;
        if (a->key)
                web_write_hash("record.add", a->message, a->message_size, a->hash);
        return pg_member_submit(&a->member, s->line, a->deadline_usec, on_member_done);
}

void record_add_cancel(struct record_add *a)
{
        pg_member_cancel(&a->member);
}

/* ---- Life ---- */

int records_new(struct records **ret, sd_event *loop, struct pg_pool *pool, struct event_relay *relay,
                const char *template)
{
        _cleanup_(records_freep) struct records *s = new0(struct records, 1);
        int r;

        if (!s)
                return -ENOMEM;
        s->relay = relay;
        s->template = template;
        r = pg_group_line_new(&s->line, loop, pool, &add_role, s);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(s);
        return 0;
}

void records_set_template(struct records *s, const char *template)
{
        s->template = template;
}

struct records *records_free(struct records *s)
{
        if (!s)
                return NULL;
        pg_group_line_free(s->line);
        free(s);
        return NULL;
}

void records_metrics(const struct records *s, struct records_metrics *ret)
{
        *ret = s->metrics;
        ret->n_waiting = pg_group_line_waiting(s->line);
}
