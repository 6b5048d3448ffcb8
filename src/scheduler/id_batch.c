/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */
#include "scheduler/id_batch.h"

#include "service/log.h"

#define RETRY_USEC USEC_PER_SEC
#define QUERY_TIMEOUT (10 * USEC_PER_SEC)
/* As much as a day without database may leave; what is beyond is sent a second time by whoever looks next. */
#define WAITING_MAX_BYTES ((size_t)4 * 1024 * 1024)

static void update_hold(struct id_batch *b)
{
        bool wanted = b->is_busy || buf_size(&b->waiting) > 0;

        if (wanted == b->is_held)
                return;
        b->is_held = wanted;
        if (wanted)
                service_hold(b->service);
        else
                service_release(b->service);
}

static void append(struct buf *to, const char *ids, size_t n)
{
        if (buf_size(to) + n > WAITING_MAX_BYTES)
                return;
        buf_append_char(to, buf_size(to) == 0 ? '{' : ',');
        buf_append(to, ids, n);
}

static void on_retry(struct loop_timer *t)
{
        loop_task_schedule(&container_of(t, struct id_batch, retry)->task);
}

static void on_complete(struct pg_query *q)
{
        struct id_batch *b = container_of(q, struct id_batch, query);
        int status = q->status;

        b->is_busy = false;
        if (status < 0) {
                log_debug("Cannot note what became of firings: %s", q->error);
                append(&b->waiting, buf_bytes(&b->sent) + 1, buf_size(&b->sent) - 3);
                (void)loop_timer_start(&b->retry, service_loop(b->service), RETRY_USEC, on_retry);
        } else if (buf_size(&b->waiting) > 0) {
                loop_task_schedule(&b->task);
        }
        buf_reset(&b->sent);
        pg_query_done(q);
        update_hold(b);
}

static void run(struct loop_task *task)
{
        struct id_batch *b = container_of(task, struct id_batch, task);
        struct buf swap = b->sent;

        if (b->is_busy || buf_size(&b->waiting) == 0)
                return;
        b->sent = b->waiting;
        b->waiting = swap;
        buf_append(&b->sent, "}", 2); /* with its NUL */
        if (buf_error(&b->sent) < 0) {
                buf_done(&b->sent); /* sent again by whoever looks next */
                update_hold(b);
                return;
        }
        b->prepare(b, buf_bytes(&b->sent), on_complete);
        b->is_busy = true;
        if (pg_query_submit(&b->query, b->pool, PG_LANE_WRITE,
                            usec_add(clock_monotonic_usec(), QUERY_TIMEOUT)) < 0)
                on_complete(&b->query);
        update_hold(b);
}

int id_batch_init(struct id_batch *b)
{
        return loop_task_init(&b->task, service_loop(b->service), run);
}

void id_batch_add(struct id_batch *b, const char *task_id)
{
        append(&b->waiting, task_id, TASK_ID_SIZE - 1);
        if (!loop_timer_is_armed(&b->retry))
                loop_task_schedule(&b->task);
        update_hold(b);
}

void id_batch_done(struct id_batch *b)
{
        if (!b->service)
                return;
        pg_query_done(&b->query);
        buf_done(&b->waiting);
        buf_done(&b->sent);
        loop_task_done(&b->task);
        loop_timer_done(&b->retry);
        b->is_busy = false;
        update_hold(b);
}
