/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */

#include <errno.h>

#include "base/alloc.h"
#include "base/parse.h"
#include "base/str.h"
#include "calculator/calculation_store.h"
#include "calculator/calculator.h"
#include "contract/names.h"

/* The database is away, or did not like it: the next try. */
#define PAUSE_USEC USEC_PER_SEC
/* A row that is not there yet: the first pause, each of the next is twice as long, and 8 s after the first
 * look it is taken for one that never came.  If it does come, the gateway sends its message again. */
#define ABSENT_PAUSE_USEC ((usec_t)500)
#define ABSENT_MAX 14

static void begin_recording(struct job *j);

/* ---- The end of a job ---- */

static void job_free(struct job *j)
{
        list_remove(&j->link);
        loop_timer_done(&j->pause);
        pg_query_done(&j->query);
        pg_member_cancel(&j->record);
        mq_publish_cancel(&j->publish);
        computation_done(&j->computation);
        free(j->id);
        free(j->reply_to);
        free(j->correlation_id);
        free(j->request_id);
        free(j->result_json);
        free(j->error_json);
        free(j);
}

void job_end(struct job *j)
{
        struct calculator *c = j->calculator;

        job_free(j);
        service_release(c->service);
}

static void job_ack(struct job *j)
{
        mq_delivery_ack(&j->calculator->consumer, j->tag, j->generation);
}

void job_requeue(struct job *j)
{
        mq_delivery_reject(&j->calculator->consumer, j->tag, j->generation, true);
        job_end(j);
}

/* ---- Answering ---- */

static void on_cleared(struct pg_query *q)
{
        job_end(container_of(q, struct job, query));
}

/* Nobody waits for it any more. A suspect that ended is none: otherwise the sweep forgets it in a day. */
static void end_unkept(struct job *j)
{
        job_ack(j);
        if (*j->suspect && !j->is_parked) {
                calculation_store_cleared(&j->query, j->suspect, on_cleared);
                if (pg_query_submit(&j->query, j->calculator->pool, PG_LANE_WRITE,
                                    usec_add(clock_monotonic_usec(), JOB_STATEMENT_USEC)) == 0)
                        return;
        }
        job_end(j);
}

static void on_published(struct mq_publish *p)
{
        struct job *j = container_of(p, struct job, publish);

        /* Without a row the answer was the result: it is computed again for whoever still waits. A queue that
         * is gone (-EHOSTUNREACH) has nobody waiting behind it. */
        if (j->id)
                job_end(j);
        else if (p->status == 0 || p->status == -EHOSTUNREACH)
                end_unkept(j);
        else
                job_requeue(j);
}

static void answer(struct job *j, const char *body, size_t n)
{
        const struct header headers[] = {{HEADER_REQUEST_ID, j->request_id}, {NULL}};
        struct mq_message m = {
                .exchange = "",
                .routing_key = j->reply_to,
                .content_type = "application/json",
                .correlation_id = j->correlation_id,
                .headers = j->request_id ? headers : NULL,
                .body = body,
                .body_size = n,
                .mandatory = true,
        };
        int r;

        j->state = JOB_ANSWERING;
        r = mq_publish_submit(&j->publish, j->calculator->link, &m, USEC_INFINITY, on_published);
        if (r == 0)
                return;
        if (j->id)
                job_end(j);
        else if (r == -EINVAL) /* nobody can be answered at such an address */
                end_unkept(j);
        else
                job_requeue(j);
}

static void answer_unkept(struct job *j)
{
        _cleanup_(buf_done) struct buf body = BUF_EMPTY;

        calculation_answer_write(&body, &j->computation.input,
                                 j->is_parked     ? "parked"
                                 : j->result_json ? "done"
                                                  : "failed",
                                 j->result_json, j->error_json);
        if (buf_error(&body) < 0)
                job_requeue(j);
        else
                answer(j, buf_bytes(&body), buf_size(&body));
}

/* ---- Recording ---- */

/* The row is final: the message has done its duty, and whoever waits is told at once. */
void job_recorded(struct job *j, const char *json, size_t n)
{
        job_ack(j);
        if (n > 0 && j->reply_to)
                answer(j, json, n);
        else
                job_end(j);
}

static void log_recorded(const struct job *j)
{
        log_info_fields(LOG_FIELDS({"REQUEST_ID", j->request_id}, {"CALCULATION_ID", j->id}),
                        "Calculation %s %s", j->id, j->result_json ? "done" : "failed");
}

static void on_pause_over(struct loop_timer *t)
{
        struct job *j = container_of(t, struct job, pause);

        if (service_is_draining(j->calculator->service))
                job_requeue(j);
        else
                begin_recording(j);
}

static void pause_job(struct job *j, usec_t delay)
{
        struct calculator *c = j->calculator;

        j->state = JOB_PAUSING;
        if (service_is_draining(c->service) ||
            loop_timer_start(&j->pause, service_loop(c->service), delay, on_pause_over) < 0)
                job_requeue(j);
}

static void await_row(struct job *j)
{
        if (j->n_absent < ABSENT_MAX) {
                pause_job(j, ABSENT_PAUSE_USEC << j->n_absent++);
        } else {
                log_debug("Calculation %s is not in the database", j->id);
                job_recorded(j, NULL, 0);
        }
}

static void on_recorded(struct pg_member *m, const struct pg_query *q, size_t row)
{
        struct job *j = container_of(m, struct job, record);

        if (q->status == -ECANCELED) {
                job_requeue(j);
        } else if (q->status < 0) {
                log_debug("Cannot record calculation %s: %s", j->id, q->error);
                pause_job(j, PAUSE_USEC);
        } else if (pg_row_is_null(q, row, 0)) {
                await_row(j);
        } else {
                log_recorded(j);
                job_recorded(j, pg_row_text(q, row, 0), pg_row_size(q, row, 0));
        }
}

static void begin_recording(struct job *j)
{
        struct calculator *c = j->calculator;

        j->state = JOB_RECORDING;
        if (pg_member_submit(&j->record, c->records, usec_add(clock_monotonic_usec(), JOB_STATEMENT_USEC),
                             on_recorded) < 0)
                pause_job(j, PAUSE_USEC);
}

void job_tell(struct job *j)
{
        if (j->id)
                begin_recording(j);
        else
                answer_unkept(j);
}

/* ---- Computing ---- */

/* 0 or -ENOMEM. */
static int write_outcome(struct job *j)
{
        const struct computation *c = &j->computation;
        struct buf text = BUF_EMPTY;

        if (c->status == -ENOMEM)
                return -ENOMEM;
        if (c->status < 0) {
                calculation_error_write(&text, expression_fault_slug(c->error.fault), c->error.detail,
                                        c->error.position);
                j->error_json = buf_take(&text, NULL);
                return j->error_json ? 0 : -ENOMEM;
        }
        calculation_result_write(&text, &c->result);
        j->result_json = buf_take(&text, NULL);
        return j->result_json ? 0 : -ENOMEM;
}

void job_leave_turn(struct job *j)
{
        struct job_queue *q = &j->calculator->jobs;

        q->n_computing--;
        if (j->is_alone)
                q->is_alone = j->is_alone = false;
}

static void on_computed(struct computation *computation)
{
        struct job *j = container_of(computation, struct job, computation);
        struct calculator *c = j->calculator;

        job_leave_turn(j);
        if (write_outcome(j) < 0) {
                job_requeue(j);
        } else {
                c->counters.n_done += computation->status == 0;
                c->counters.n_failed += computation->status != 0;
                calculator_counted(c);
                job_tell(j);
        }
        job_start_waiting(c);
}

void job_compute(struct job *j)
{
        j->state = JOB_COMPUTING;
        j->computation.work_usec = j->calculator->conf->calculator.work_max_msec * USEC_PER_MSEC;
        j->computation.complete = on_computed;
        computation_submit(&j->computation, j->calculator->offload);
}

/* ---- Beginning ---- */

/* By this host's clock; the database's decides. */
static bool is_late(const struct job *j)
{
        int64_t deadline;

        return j->computation.input.deadline &&
               parse_rfc3339(j->computation.input.deadline, &deadline) == 0 &&
               deadline <= (int64_t)clock_wall_usec();
}

static void start_job(struct job *j)
{
        struct job_queue *q = &j->calculator->jobs;

        list_remove(&j->link);
        list_append(&q->active, &j->link);
        q->n_computing++;
        q->is_alone = j->is_alone = j->was_delivered_before;
        if (j->was_delivered_before || (j->id && is_late(j)))
                job_begin_attempt(j);
        else
                job_compute(j);
}

/* In order; one that must be alone waits for those before it and holds up those behind. */
void job_start_waiting(struct calculator *c)
{
        struct job_queue *q = &c->jobs;
        struct list_link *first;

        while (!q->is_alone && (first = list_first(&q->waiting))) {
                struct job *j = LIST_ENTRY(first, struct job, link);

                if (j->was_delivered_before && q->n_computing > 0)
                        return;
                start_job(j);
        }
}

void job_queue_init(struct job_queue *q)
{
        list_init(&q->waiting);
        list_init(&q->active);
}

void job_queue_drain(struct calculator *c)
{
        LIST_FOREACH_SAFE (i, &c->jobs.waiting)
                job_requeue(LIST_ENTRY(i, struct job, link));
        LIST_FOREACH_SAFE (i, &c->jobs.active) {
                struct job *j = LIST_ENTRY(i, struct job, link);

                if (j->state == JOB_PAUSING)
                        job_requeue(j);
        }
}

void job_queue_done(struct calculator *c)
{
        LIST_FOREACH_SAFE (i, &c->jobs.waiting)
                job_free(LIST_ENTRY(i, struct job, link));
        LIST_FOREACH_SAFE (i, &c->jobs.active)
                job_free(LIST_ENTRY(i, struct job, link));
}
