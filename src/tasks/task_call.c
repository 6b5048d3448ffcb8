/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */

/* The steps of a call; task_internal.h has the picture. */

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>

#include "auth/auth_digest.h"
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

static void pause_step(struct task_call *c, int error, const char *what)
{
        unsigned suppressed;

        pg_query_done(&c->query);
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

static void submit_step(struct task_call *c)
{
        int r = pg_query_submit(&c->query, c->worker->setup.pool, PG_LANE_WRITE, step_deadline());

        if (r < 0)
                pause_step(c, r, "the database is busy");
}

static void set_result(struct task_call *c, const char *result)
{
        buf_reset(&c->result);
        buf_append_str(&c->result, result ? result : "null");
        buf_append_char(&c->result, '\0');
        c->has_result = buf_error(&c->result) == 0;
}

static void adopt(struct task_call *c, const struct pg_query *q, unsigned status, unsigned result)
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
                pause_step(c, q->status, "its outcome cannot be recorded");
                return;
        }
        /* The first final state is the one: a commit may have come in before a time limit. */
        if (pg_query_rows(q) == 1)
                adopt(c, q, 0, 1);
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
        submit_step(c);
}

static void on_postponed(struct pg_query *q)
{
        struct task_call *c = container_of(q, struct task_call, query);

        if (q->status < 0) {
                pause_step(c, q->status, "it cannot be kept for later");
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
                pause_step(c, r, "it cannot be written down");
                return;
        }
        task_store_postpone(&c->query, c->message.id, c->worker->setup.queue, task_status_name(c->status),
                            is_retry ? TASK_NO_TIME : c->message.eta_usec, c->delay_usec, &text,
                            on_postponed);
        buf_done(&text);
        submit_step(c);
}

static void on_published(struct mq_publish *p)
{
        struct task_call *c = container_of(p, struct task_call, publish);
        const char *daemon;

        if (p->status < 0) {
                pause_step(c, p->status, "the broker does not take it");
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
                pause_step(c, r, "the broker is away");
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
                pause_step(c, -ENOMEM, "its result cannot be written");
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

static void die(struct task_call *c, unsigned http_status, const char *slug, const char *fmt, ...)
        _printf_(4, 5);
/* A dead letter, and its sender is told. */
static void die(struct task_call *c, unsigned http_status, const char *slug, const char *fmt, ...)
{
        va_list ap;

        va_start(ap, fmt);
        (void)vsnprintf(c->reason, sizeof(c->reason), fmt, ap);
        va_end(ap);
        task_call_finish_error(c, TASK_FAILURE, http_status, slug, c->reason, NULL);
}

/* ---- Begin ---- */

static void on_limit(struct loop_timer *t)
{
        struct task_call *c = container_of(t, struct task_call, timer);

        if (c->op_done)
                c->op_done(c->op);
        c->op_done = NULL;
        task_call_finish_error(c, TASK_FAILURE, 504, "time-limit-exceeded",
                               "the task took longer than its time limit", NULL);
}

static usec_t limit_of(const struct task_call *c)
{
        usec_t limit = c->worker->setup.conf->limit_usec;

        if (c->message.hard_limit_usec > 0)
                limit = MIN_OF(limit, c->message.hard_limit_usec);
        if (c->message.soft_limit_usec > 0)
                limit = MIN_OF(limit, c->message.soft_limit_usec);
        return limit;
}

static void run(struct task_call *c)
{
        usec_t limit = limit_of(c);
        int r;

        c->n_pauses = 0;
        (void)loop_timer_start(&c->timer, service_loop(c->worker->setup.service), limit, on_limit);
        c->step = TASK_STEP_RUNNING;
        r = c->handler->begin(c);
        if (r < 0)
                task_call_retry(c, 503, "unavailable", "the task could not be begun");
}

static void repeat(struct task_call *c, const struct pg_query *q)
{
        c->is_repeat = true;
        adopt(c, q, TASK_COLUMN_STATUS, TASK_COLUMN_RESULT);
        task_call_step(c, TASK_STEP_ANSWERING);
}

static void on_begun(struct pg_query *q)
{
        struct task_call *c = container_of(q, struct task_call, query);
        enum task_verdict verdict;
        int r = q->status, attempts;

        if (r == 0)
                r = task_store_verdict(q, &verdict);
        if (r < 0) {
                pause_step(c, r, "it cannot be begun");
                return;
        }
        if (verdict == TASK_DONE) {
                repeat(c, q);
                return;
        }
        attempts = (int)pg_row_int(q, 0, TASK_COLUMN_ATTEMPTS);
        pg_query_done(q);
        switch (verdict) {
        case TASK_RUN:
                if (c->worker->is_draining) {
                        c->step = TASK_STEP_RUNNING; /* it counts as begun */
                        task_call_requeue(c);
                        return;
                }
                run(c);
                break;
        case TASK_LATER:
                c->status = TASK_RECEIVED;
                task_call_step(c, TASK_STEP_POSTPONING);
                break;
        case TASK_EXPIRED:
                task_call_finish_error(c, TASK_REVOKED, 410, "task-expired", "expired", NULL);
                break;
        case TASK_PARKED:
                die(c, 500, "task-parked", "begun %d times and never ended", attempts);
                break;
        case TASK_REUSED:
                /* whoever waits for that id waits for the other task's result */
                (void)snprintf(c->reason, sizeof(c->reason), "this task id was used with other arguments");
                c->status = TASK_FAILURE;
                task_call_step(c, TASK_STEP_BURYING);
                break;
        case TASK_BUSY:
                pause_step(c, -EBUSY, "another worker has it");
                break;
        case TASK_DONE:
                break; /* above */
        }
}

static void begin(struct task_call *c)
{
        task_store_begin(&c->query, &c->message, c->worker->setup.queue, c->hash, c->is_redelivered,
                         c->worker->setup.conf->max_deliveries, on_begun);
        submit_step(c);
}

/* ---- Read ---- */

static int add_json(const char *text, size_t n, void *digest)
{
        auth_digest_add(digest, text, n);
        return 0;
}

/* What the id is bound to: the command, not its way here. */
static int hash(struct task_call *c)
{
        struct auth_digest digest;

        auth_digest_init(&digest);
        auth_digest_add(&digest, c->message.task, strlen(c->message.task) + 1);
        if (json_dump_callback(c->message.args, add_json, &digest, JSON_COMPACT | JSON_SORT_KEYS) < 0 ||
            json_dump_callback(c->message.kwargs, add_json, &digest, JSON_COMPACT | JSON_SORT_KEYS) < 0)
                return -ENOMEM;
        auth_digest_hex(&digest, c->hash);
        return 0;
}

static void find_handler(struct task_call *c)
{
        for (const struct task_handler *h = c->worker->setup.handlers; h->name; h++)
                if (streq(h->name, c->message.task))
                        c->handler = h;
}

static void read_letter(struct task_call *c)
{
        const struct task_letter *l = &c->letter;
        const char *request_id;
        int r;

        r = task_message_decode(l->headers, l->content_type, l->content_encoding, l->body, l->body_size,
                                &c->message, c->reason);
        c->is_read = r == 0;
        if (r == 0)
                r = hash(c);
        request_id = c->is_read ? c->message.request_id : NULL;
        if (request_id && id_is_valid(request_id))
                memcpy(c->request_id, request_id, strlen(request_id) + 1);
        else
                id_make(c->request_id);
        if (r == -EBADMSG) {
                c->status = TASK_FAILURE;
                task_call_step(c, TASK_STEP_BURYING);
                return;
        }
        if (r < 0) {
                task_call_requeue(c);
                return;
        }
        find_handler(c);
        if (!c->handler)
                die(c, 404, "not-registered", "no task %.100s is known here", c->message.task);
        else if (c->message.has_followers)
                die(c, 501, "not-supported", "callbacks, chains and chords are not carried out here");
        else
                task_call_step(c, TASK_STEP_BEGINNING);
}

void task_call_step(struct task_call *c, enum task_step step)
{
        static void (*const steps[])(struct task_call *) = {
                [TASK_STEP_READING] = read_letter, [TASK_STEP_BEGINNING] = begin,
                [TASK_STEP_RUNNING] = run,         [TASK_STEP_POSTPONING] = postpone,
                [TASK_STEP_RECORDING] = record,    [TASK_STEP_ANSWERING] = answer,
                [TASK_STEP_BURYING] = bury,        [TASK_STEP_SETTLED] = settle,
        };

        c->step = step;
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
