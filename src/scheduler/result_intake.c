/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */
#include "scheduler/result_intake.h"

#include "base/str.h"
#include "contract/names.h"
#include "contract/task_result_message.h"
#include "scheduler/firing_store.h"
#include "service/log.h"
#include "json/jwrite.h"

#define RETRY_USEC USEC_PER_SEC
#define QUERY_TIMEOUT (10 * USEC_PER_SEC)

static void write_batch(struct result_intake *i);

static void on_retry(struct loop_timer *t)
{
        loop_task_schedule(&container_of(t, struct result_intake, retry)->task);
}

static void ack_batch(struct result_intake *i, struct result_batch *b)
{
        for (unsigned k = 0; k < b->n; k++)
                mq_delivery_ack(&i->consumer, b->tags[k].tag, b->tags[k].generation);
        i->n_results += b->n;
        b->n = 0;
        buf_reset(&b->json);
}

static void on_written(struct pg_query *q)
{
        struct result_intake *i = container_of(q, struct result_intake, query);

        service_release(i->service);
        if (q->status == 0) {
                for (size_t row = 0, n = pg_query_rows(q); row < n; row++)
                        log_fields(LOG_WARNING, LOG_FIELDS({"SCHEDULE", pg_row_text(q, row, 0)}),
                                   "Schedule %s is paused: it failed too often in a row",
                                   pg_row_text(q, row, 0));
                ack_batch(i, i->writing);
                i->writing = NULL;
        } else {
                log_debug("Cannot note results: %s", q->error);
        }
        pg_query_done(q);
        if (i->writing)
                (void)loop_timer_start(&i->retry, service_loop(i->service), RETRY_USEC, on_retry);
        else
                loop_task_schedule(&i->task);
        i->taken(i);
}

static void write_batch(struct result_intake *i)
{
        if (!i->writing) {
                if (i->filling->n == 0)
                        return;
                i->writing = i->filling;
                i->filling = i->filling == &i->batches[0] ? &i->batches[1] : &i->batches[0];
                buf_append_char(&i->writing->json, ']');
        }
        if (buf_error(&i->writing->json) < 0) { /* unacked, they come again with the next connection */
                i->writing->n = 0;
                buf_done(&i->writing->json);
                i->writing = NULL;
                return;
        }
        firing_store_results(&i->query, buf_bytes(&i->writing->json), buf_size(&i->writing->json),
                             on_written);
        service_hold(i->service);
        if (pg_query_submit(&i->query, i->pool, PG_LANE_WRITE,
                            usec_add(clock_monotonic_usec(), QUERY_TIMEOUT)) < 0) {
                service_release(i->service);
                pg_query_done(&i->query);
                (void)loop_timer_start(&i->retry, service_loop(i->service), RETRY_USEC, on_retry);
        }
}

static void on_task(struct loop_task *t)
{
        struct result_intake *i = container_of(t, struct result_intake, task);

        if (i->query.state == PG_QUERY_IDLE && !loop_timer_is_armed(&i->retry))
                write_batch(i);
}

/* ---- Deliveries ---- */

static void add_result(struct result_batch *b, const struct task_result *r, const struct result_tag *tag)
{
        struct buf error = BUF_EMPTY;
        struct jwrite w;
        char *result = json_dumps(r->result, JSON_COMPACT | JSON_ENCODE_ANY);

        task_result_describe(&error, r);
        buf_append_char(&b->json, b->n == 0 ? '[' : ',');
        w = jwrite_to(&b->json);
        jwrite_object_begin(&w);
        jwrite_pair(&w, "id", r->task_id);
        jwrite_pair(&w, "status", task_status_name(r->status));
        jwrite_key(&w, "result");
        if (result)
                jwrite_raw(&w, result, strlen(result));
        else
                jwrite_null(&w);
        if (buf_size(&error) > 0) {
                jwrite_key(&w, "error");
                jwrite_string_n(&w, buf_bytes(&error), buf_size(&error));
        }
        jwrite_object_end(&w);
        b->tags[b->n++] = *tag;
        free(result);
        buf_done(&error);
}

static void on_delivered(struct mq_consumer *c, const struct mq_delivery *d)
{
        struct result_intake *i = container_of(c, struct result_intake, consumer);
        struct result_tag tag = {d->tag, d->generation};
        struct task_result r = {0};

        service_touch(i->service);
        if (i->filling->n == RESULTS_MAX) {
                mq_delivery_reject(c, d->tag, d->generation, true); /* more than was asked for */
                return;
        }
        if (task_result_decode(d->body, d->body_size, &r) < 0 || !task_id_is_uuid(r.task_id)) {
                i->n_foreign++;
                log_debug("Ignored a message on %s that is no result", SCHEDULE_RESULTS_QUEUE);
                mq_delivery_ack(c, d->tag, d->generation);
        } else {
                add_result(i->filling, &r, &tag);
                loop_task_schedule(&i->task);
        }
        task_result_done(&r);
}

static void on_lost(struct mq_consumer *c)
{
        struct result_intake *i = container_of(c, struct result_intake, consumer);

        /* They come again; taking one twice changes nothing. */
        i->filling->n = 0;
        buf_reset(&i->filling->json);
}

int result_intake_start(struct result_intake *i)
{
        int r;

        i->filling = &i->batches[0];
        i->consumer.delivered = on_delivered;
        i->consumer.lost = on_lost;
        r = loop_task_init(&i->task, service_loop(i->service), on_task);
        if (r == 0)
                r = mq_consumer_start(&i->consumer, i->link, SCHEDULE_RESULTS_QUEUE, RESULTS_MAX, false);
        return r;
}

void result_intake_drain(struct result_intake *i)
{
        mq_consumer_stop(&i->consumer);
        on_lost(&i->consumer);
}

void result_intake_done(struct result_intake *i)
{
        if (!i->service)
                return;
        if (i->query.state != PG_QUERY_IDLE)
                service_release(i->service);
        pg_query_done(&i->query);
        loop_task_done(&i->task);
        loop_timer_done(&i->retry);
        for (size_t k = 0; k < 2; k++)
                buf_done(&i->batches[k].json);
}
