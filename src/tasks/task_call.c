/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */

/* The steps of a call from its handler to its end; task_internal.h has the picture. */

#include <errno.h>
#include <stdio.h>

#include "base/alloc.h"
#include "base/id.h"
#include "base/str.h"
#include "contract/names.h"
#include "service/log.h"
#include "tasks/task_internal.h"

/* A step with a server, before it is done again. */
#define STEP_TIMEOUT (20 * USEC_PER_SEC)
#define PAUSE_BASE (200 * USEC_PER_MSEC)
#define PAUSE_MAX (10 * USEC_PER_SEC)

static usec_t step_deadline(void)
{
        return usec_add(clock_monotonic_usec(), STEP_TIMEOUT);
}

void task_call_free(struct task_call *c)
{
        task_begin_leave_turn(c);
        pg_query_done(&c->query);
        mq_publish_cancel(&c->publish);
        loop_timer_done(&c->timer);
        if (c->op && c->op_done)
                c->op_done(c->op);
        free(c->op);
        if (c->is_read)
                task_message_done(&c->message);
        task_letter_done(&c->letter);
        buf_done(&c->result);
        list_remove(&c->link);
        service_release(c->worker->setup.service);
        free(c);
}

/* ---- The end ---- */

static void count(struct task_call *c)
{
        struct task_counters *m = &c->worker->counters;

        if (*c->reason)
                m->n_dead++;
        if (c->is_repeat)
                m->n_repeated++;
        else if (c->status == TASK_RETRY)
                m->n_retried++;
        else if (c->status == TASK_RECEIVED)
                m->n_postponed++;
        else if (c->status == TASK_SUCCESS)
                m->n_succeeded++;
        else
                m->n_failed++;
}

static void tell(const struct task_call *c)
{
        const char *name = c->is_read ? c->message.task : "", *id = c->is_read ? c->message.id : "";
        const char *status = c->is_read ? task_status_name(c->status) : "DEAD";
        const struct log_field fields[] = {
                {"REQUEST_ID", c->request_id},
                {"TASK", name},
                {"TASK_ID", id},
                {"TASK_STATUS", status},
                {"QUEUE", c->worker->setup.queue},
                {0},
        };
        usec_t took = clock_monotonic_usec() - c->since_usec;

        if (*c->reason)
                log_fields(LOG_WARNING, fields, "Dead letter in %s: task %s %s: %s", c->worker->setup.queue,
                           name, id, c->reason);
        else
                log_fields(c->is_repeat ? LOG_DEBUG : LOG_INFO, fields, "Task %s %s: %s%s in %llu ms", name,
                           id, status, c->is_repeat ? " before" : "",
                           (unsigned long long)(took / USEC_PER_MSEC));
}

static void settle(struct task_call *c)
{
        mq_delivery_ack(&c->worker->consumer, c->tag, c->generation);
        count(c);
        tell(c);
        task_call_free(c);
}

static void unbegin_done(struct pg_query *q)
{
        struct task_call *c = container_of(q, struct task_call, query);

        mq_delivery_reject(&c->worker->consumer, c->tag, c->generation, true);
        task_call_free(c);
}

void task_call_requeue(struct task_call *c)
{
        bool has_begun = c->step == TASK_STEP_RUNNING;

        task_begin_leave_turn(c);
        loop_timer_stop(&c->timer);
        pg_query_done(&c->query);
        if (has_begun) {
                c->step = TASK_STEP_SETTLED;
                task_store_unbegin(&c->query, c->message.id, unbegin_done);
                if (pg_query_submit(&c->query, c->worker->setup.pool, PG_LANE_WRITE, step_deadline()) == 0)
                        return;
        }
        mq_delivery_reject(&c->worker->consumer, c->tag, c->generation, true);
        task_call_free(c);
}

/* ---- Steps that need a server ---- */

static void on_pause_over(struct loop_timer *t)
{
        struct task_call *c = container_of(t, struct task_call, timer);

        task_call_step(c, c->step);
}

void task_call_pause(struct task_call *c, int error, const char *what)
{
        unsigned suppressed;

        pg_query_done(&c->query);
        if (c->step == TASK_STEP_BEGINNING)
                task_begin_leave_turn(c);
        /* until it has begun, the queue is the better place to wait in; and so it is for all when we leave */
        if (c->worker->is_draining || (c->is_stale && c->step == TASK_STEP_BEGINNING)) {
                task_call_requeue(c);
                return;
        }
        if (error != -EBUSY && log_limit_pass(&c->worker->log_limit, 6, &suppressed))
                log_warning_errno(error, "Task %s waits: %s: %m", c->is_read ? c->message.id : "?", what);
        (void)loop_timer_start(&c->timer, service_loop(c->worker->setup.service),
                               backoff_usec(MIN_OF(c->n_pauses++, 16U), PAUSE_BASE, PAUSE_MAX),
                               on_pause_over);
}

void task_call_submit(struct task_call *c)
{
        int r = pg_query_submit(&c->query, c->worker->setup.pool, PG_LANE_WRITE, step_deadline());

        if (r < 0)
                task_call_pause(c, r, "the database is busy");
}

static void set_result(struct task_call *c, const char *result)
{
        buf_reset(&c->result);
        buf_append_str(&c->result, result ? result : "null");
        buf_append_char(&c->result, '\0');
        c->has_result = buf_error(&c->result) == 0;
}

void task_call_adopt(struct task_call *c, const struct pg_query *q, unsigned status, unsigned result)
{
        const char *word = pg_row_text(q, 0, status);

        c->status = streq(word, "SUCCESS")   ? TASK_SUCCESS
                    : streq(word, "REVOKED") ? TASK_REVOKED
                                             : TASK_FAILURE;
        set_result(c, pg_row_is_null(q, 0, result) ? NULL : pg_row_text(q, 0, result));
}

static void on_recorded(struct pg_query *q)
{
        struct task_call *c = container_of(q, struct task_call, query);

        if (q->status < 0) {
                task_call_pause(c, q->status, "its outcome cannot be recorded");
                return;
        }
        /* The first final state is the one: a commit may have come in before a time limit. */
        if (pg_query_rows(q) == 1)
                task_call_adopt(c, q, 0, 1);
        pg_query_done(q);
        c->n_pauses = 0;
        task_call_step(c, TASK_STEP_ANSWERING);
}

static void record(struct task_call *c)
{
        if (c->is_recorded || *c->reason) {
                task_call_step(c, TASK_STEP_ANSWERING);
                return;
        }
        task_store_end(&c->query, c->message.id, task_status_name(c->status), buf_bytes(&c->result),
                       on_recorded);
        task_call_submit(c);
}

static void on_postponed(struct pg_query *q)
{
        struct task_call *c = container_of(q, struct task_call, query);

        if (q->status < 0) {
                task_call_pause(c, q->status, "it cannot be kept for later");
                return;
        }
        task_later_poke(c->worker->later);
        settle(c);
}

static void postpone(struct task_call *c)
{
        bool is_retry = c->status == TASK_RETRY;
        struct buf text = BUF_EMPTY;
        int r;

        r = task_letter_encode(&c->letter, is_retry ? c->message.retries + 1 : -1, &text);
        if (r < 0) {
                buf_done(&text);
                task_call_pause(c, r, "it cannot be written down");
                return;
        }
        task_store_postpone(&c->query, c->message.id, c->worker->setup.queue, task_status_name(c->status),
                            is_retry ? TASK_NO_TIME : c->message.eta_usec, c->delay_usec, &text,
                            on_postponed);
        buf_done(&text);
        task_call_submit(c);
}

static void on_published(struct mq_publish *p)
{
        struct task_call *c = container_of(p, struct task_call, publish);
        const char *daemon;

        if (p->status < 0) {
                task_call_pause(c, p->status, "the broker does not take it");
                return;
        }
        c->n_pauses = 0;
        if (c->step == TASK_STEP_ANSWERING) {
                daemon = queue_daemon(c->letter.reply_to);
                if (daemon)
                        service_ring(daemon);
                task_call_step(c, TASK_STEP_BURYING);
                return;
        }
        settle(c);
}

static void publish(struct task_call *c, const struct mq_message *m)
{
        int r = mq_publish_submit(&c->publish, c->worker->setup.link, m, step_deadline(), on_published);

        if (r < 0)
                task_call_pause(c, r, "the broker is away");
}

static void answer(struct task_call *c)
{
        _cleanup_(buf_done) struct buf body = BUF_EMPTY;
        struct mq_message m;

        if (!*c->letter.reply_to || !c->has_result || c->message.ignore_result) {
                task_call_step(c, TASK_STEP_BURYING);
                return;
        }
        task_result_encode(&body, c->message.id, c->status, buf_bytes(&c->result));
        if (buf_error(&body) < 0) {
                task_call_pause(c, -ENOMEM, "its result cannot be written");
                return;
        }
        m = (struct mq_message){
                .exchange = "",
                .routing_key = c->letter.reply_to,
                .content_type = TASK_MEDIA,
                .content_encoding = TASK_ENCODING,
                .correlation_id = *c->letter.correlation_id ? c->letter.correlation_id : c->message.id,
                .headers = (const struct header[]){{HEADER_REQUEST_ID, c->request_id}, {0}},
                .body = buf_bytes(&body),
                .body_size = buf_size(&body),
                /* not mandatory: a client that went away has taken its queue with it */
        };
        publish(c, &m);
}

static void bury(struct task_call *c)
{
        struct task_post post;

        if (!*c->reason) {
                settle(c);
                return;
        }
        task_letter_post(&c->letter, c->worker->setup.queue, c->reason, &post);
        publish(c, &post.message);
}

/* ---- Outcomes ---- */

void task_call_finish(struct task_call *c, enum task_status status, const char *result)
{
        loop_timer_stop(&c->timer);
        c->status = status;
        set_result(c, result);
        task_call_step(c, TASK_STEP_RECORDING);
}

void task_call_finish_error(struct task_call *c, enum task_status status, unsigned http_status,
                            const char *slug, const char *detail, const struct field_errors *errors)
{
        _cleanup_(buf_done) struct buf text = BUF_EMPTY;

        task_error_encode(&text, slug, http_status, detail, errors);
        buf_append_char(&text, '\0');
        task_call_finish(c, status, buf_error(&text) < 0 ? NULL : buf_bytes(&text));
}

void task_call_step(struct task_call *c, enum task_step step)
{
        static void (*const steps[])(struct task_call *) = {
                [TASK_STEP_READING] = task_begin_read,
                [TASK_STEP_BEGINNING] = task_begin_ask,
                [TASK_STEP_RUNNING] = task_begin_run,
                [TASK_STEP_POSTPONING] = postpone,
                [TASK_STEP_RECORDING] = record,
                [TASK_STEP_ANSWERING] = answer,
                [TASK_STEP_BURYING] = bury,
                [TASK_STEP_SETTLED] = settle,
        };

        c->step = step;
        if (step > TASK_STEP_RUNNING)
                task_begin_leave_turn(c);
        steps[step](c);
}

/* The same task, whose connection was lost while it was carried out: its ack shall be this one's. */
static bool take_over(struct task_worker *w, const struct mq_delivery *d)
{
        const char *id = header_text(d->headers, "id");

        LIST_FOREACH (i, &w->calls) {
                struct task_call *c = LIST_ENTRY(i, struct task_call, link);

                if (!id || !d->redelivered || !c->is_stale || !c->is_read || !streq(c->message.id, id))
                        continue;
                c->tag = d->tag;
                c->generation = d->generation;
                c->is_stale = false;
                return true;
        }
        return false;
}

void task_call_start(struct task_worker *w, const struct mq_delivery *d)
{
        struct task_call *c;

        if (w->is_draining) {
                mq_delivery_reject(&w->consumer, d->tag, d->generation, true);
                return;
        }
        if (take_over(w, d))
                return;
        c = new0(struct task_call, 1);
        if (!c || task_letter_copy(&c->letter, d) < 0) {
                free(c);
                mq_delivery_reject(&w->consumer, d->tag, d->generation, true);
                return;
        }
        c->worker = w;
        c->tag = d->tag;
        c->generation = d->generation;
        c->is_redelivered = d->redelivered;
        c->since_usec = clock_monotonic_usec();
        list_append(&w->calls, &c->link);
        service_hold(w->setup.service);
        task_call_step(c, TASK_STEP_READING);
}
