/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */

/* What a handler may ask of its call, and how it answers. */

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/alloc.h"
#include "base/str.h"
#include "tasks/task_internal.h"

void *task_call_context(const struct task_call *c)
{
        return c->worker->setup.context;
}

const char *task_call_name(const struct task_call *c)
{
        return c->message.task;
}

const char *task_call_id(const struct task_call *c)
{
        return c->message.id;
}

const char *task_call_request_id(const struct task_call *c)
{
        return c->request_id;
}

int64_t task_call_retries(const struct task_call *c)
{
        return c->message.retries;
}

bool task_call_is_last(const struct task_call *c)
{
        return (uint64_t)c->message.retries >= c->worker->setup.conf->max_retries;
}

usec_t task_call_deadline(const struct task_call *c)
{
        uint64_t at = USEC_INFINITY;

        if (c->timer.source)
                (void)sd_event_source_get_time(c->timer.source, &at);
        return at;
}

void *task_call_op(struct task_call *c, size_t size, void (*done)(void *op))
{
        c->op = calloc(1, size);
        if (c->op)
                c->op_done = done;
        return c->op;
}

json_t *task_call_args(const struct task_call *c)
{
        return c->message.args;
}

json_t *task_call_kwargs(const struct task_call *c)
{
        return c->message.kwargs;
}

int task_call_arguments(struct task_call *c, const char *const *names, json_t **ret)
{
        _cleanup_json_ json_t *object = json_copy(c->message.kwargs);
        size_t n = json_array_size(c->message.args), n_names = 0;
        struct field_errors errors;

        if (!object)
                return -ENOMEM;
        errors.n_errors = 0;
        while (names[n_names])
                n_names++;
        if (n > n_names)
                field_errors_add(&errors, "/args", "takes at most %zu positional arguments", n_names);
        for (size_t i = 0; i < MIN_OF(n, n_names); i++) {
                if (json_object_get(object, names[i]))
                        field_errors_add(&errors, "/args", "%s is given twice", names[i]);
                else if (json_object_set(object, names[i], json_array_get(c->message.args, i)) < 0)
                        return -ENOMEM;
        }
        if (errors.n_errors > 0) {
                task_call_invalid(c, &errors);
                return 1;
        }
        *ret = TAKE_PTR(object);
        return 0;
}

/* ---- Answers ---- */

void task_call_succeed(struct task_call *c, const char *result)
{
        task_call_finish(c, TASK_SUCCESS, result);
}

void task_call_fail(struct task_call *c, unsigned status, const char *slug, const struct field_errors *errors,
                    const char *detail, ...)
{
        char text[1024];
        va_list ap;

        if (detail) {
                va_start(ap, detail);
                (void)vsnprintf(text, sizeof(text), detail, ap);
                va_end(ap);
        }
        task_call_finish_error(c, TASK_FAILURE, status, slug, detail ? text : NULL, errors);
}

void task_call_invalid(struct task_call *c, const struct field_errors *errors)
{
        const struct field_error *first = &errors->errors[0];

        task_call_fail(c, 400, "invalid-input", errors, "%s%s%s", first->path, *first->path ? " " : "",
                       first->reason);
}

void task_call_retry(struct task_call *c, unsigned status, const char *slug, const char *detail)
{
        const struct tasks_conf *conf = c->worker->setup.conf;

        if (task_call_is_last(c)) {
                task_call_finish_error(c, TASK_FAILURE, status, slug, detail, NULL);
                return;
        }
        loop_timer_stop(&c->timer);
        c->status = TASK_RETRY;
        c->delay_usec = backoff_usec((unsigned)MIN_OF(c->message.retries, (int64_t)30), conf->retry_usec,
                                     conf->retry_max_usec);
        task_call_step(c, TASK_STEP_POSTPONING);
}

enum { ROW_OUTCOME, ROW_STATUS, ROW_ETAG, ROW_LOCATION, ROW_ANSWER };

void task_call_written(struct task_call *c, const struct pg_query *q)
{
        const char *outcome, *text;

        if (q->status == -ETIMEDOUT && clock_monotonic_usec() >= task_call_deadline(c)) {
                task_call_fail(c, 504, "time-limit-exceeded", NULL,
                               "the task took longer than its time limit");
                return;
        }
        if (q->status < 0 || pg_query_rows(q) != 1) {
                /* whatever became of it, the next try finds out: its end is in the same commit */
                task_call_retry(c, 503, "unavailable", *q->error ? q->error : "the database is away");
                return;
        }
        outcome = pg_row_text(q, 0, ROW_OUTCOME);
        text = pg_row_is_null(q, 0, ROW_ANSWER) ? NULL : pg_row_text(q, 0, ROW_ANSWER);
        if (streq(outcome, "done")) {
                c->is_recorded = true;
                task_call_finish(c, TASK_SUCCESS, text);
        } else if (streq(outcome, "task-ended")) {
                task_call_step(c, TASK_STEP_BEGINNING); /* which tells what it came to */
        } else {
                task_call_fail(c, (unsigned)pg_row_int(q, 0, ROW_STATUS), outcome, NULL, text ? "%s" : NULL,
                               text);
        }
}
