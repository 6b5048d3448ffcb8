/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */

/* The first steps of a call: it is read, the database says what to do with it, its handler begins. */

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>

#include "auth/auth_digest.h"
#include "base/id.h"
#include "base/str.h"
#include "service/log.h"
#include "tasks/task_internal.h"

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

/* ---- Turns ---- */

/* What was begun twice without an end may be what killed its worker, or only have been beside it. One at a
 * time such tasks are carried out: the next worker to die does so with one of them, and no other's attempts
 * add up. */
static void enter_turn(struct task_call *c)
{
        struct task_worker *w = c->worker;

        if (w->is_draining) {
                task_call_requeue(c);
                return;
        }
        if (w->suspect) {
                c->waits_for_turn = true;
                return;
        }
        w->suspect = c;
        task_begin_ask(c);
}

static struct task_call *next_in_turn(struct task_worker *w)
{
        LIST_FOREACH (i, &w->calls) {
                struct task_call *c = LIST_ENTRY(i, struct task_call, link);

                if (c->waits_for_turn)
                        return c;
        }
        return NULL;
}

void task_begin_leave_turn(struct task_call *c)
{
        struct task_worker *w = c->worker;
        struct task_call *next;

        c->waits_for_turn = false;
        if (w->suspect != c)
                return;
        w->suspect = NULL;
        if (w->is_draining)
                return;
        /* one whose connection was lost comes again, perhaps to another worker */
        while ((next = next_in_turn(w)) && next->is_stale)
                task_call_requeue(next);
        if (next)
                enter_turn(next);
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

void task_begin_run(struct task_call *c)
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
        task_call_adopt(c, q, TASK_COLUMN_STATUS, TASK_COLUMN_RESULT);
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
                task_call_pause(c, r, "it cannot be begun");
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
                task_begin_run(c);
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
        case TASK_SUSPECT:
                enter_turn(c);
                break;
        case TASK_BUSY:
                task_call_pause(c, -EBUSY, "another worker has it");
                break;
        case TASK_DONE:
                break; /* above */
        }
}

void task_begin_ask(struct task_call *c)
{
        struct task_worker *w = c->worker;

        c->waits_for_turn = false;
        task_store_begin(&c->query, &c->message, w->setup.queue, c->hash, c->is_redelivered, w->suspect == c,
                         w->setup.conf->max_deliveries, on_begun);
        task_call_submit(c);
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

void task_begin_read(struct task_call *c)
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
