/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */

#include "calculator/calculator_tasks.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/str.h"
#include "calculator/computation.h"
#include "contract/names.h"
#include "service/log.h"
#include "tasks/task_worker.h"

#define PREFIX "calculator."
#define FAILED 422 /* understood, and without a result */

struct calculator_tasks {
        const struct calculator_conf *conf; /* borrowed, replaced by reload */
        struct offload *offload;            /* borrowed */
        struct list works;                  /* of task_work, owned */
        struct task_worker *worker;         /* owned */
};

/* Outlives its call, whose time may be over while a thread computes: then nobody wants it any more. */
struct task_work {
        struct list_link link;
        struct task_op *op; /* NULL once its call is gone */
        struct computation computation;
};

struct task_op {
        struct task_call *call;
        struct task_work *work; /* borrowed; NULL unless it is under way */
};

static void work_free(struct task_work *w)
{
        list_remove(&w->link);
        computation_done(&w->computation);
        free(w);
}

static void task_op_done(void *slot)
{
        struct task_op *op = slot;

        if (op->work)
                op->work->op = NULL;
}

/* ---- The answer ---- */

static void succeed(struct task_call *c, const struct expression_result *result)
{
        _cleanup_(buf_done) struct buf text = BUF_EMPTY;

        calculation_result_write(&text, result);
        buf_append_char(&text, '\0');
        if (buf_error(&text) < 0)
                task_call_retry(c, 503, "unavailable", "out of memory");
        else
                task_call_succeed(c, buf_bytes(&text));
}

static void tell(struct task_call *c, const struct computation *computation)
{
        const struct expression_error *error = &computation->error;

        if (computation->status == 0)
                succeed(c, &computation->result);
        else if (computation->status == -EBADMSG)
                task_call_fail(c, FAILED, expression_fault_slug(error->fault), NULL, "%s (character %u)",
                               error->detail, error->position);
        else
                task_call_retry(c, 503, "unavailable", "out of memory");
}

static void on_computed(struct computation *computation)
{
        struct task_work *w = container_of(computation, struct task_work, computation);

        if (w->op) {
                w->op->work = NULL;
                tell(w->op->call, computation);
        }
        work_free(w);
}

/* ---- The question ---- */

static void refuse_others(json_t *arguments, const char *own, struct field_errors *errors)
{
        const char *name;
        json_t *value;

        json_object_foreach(arguments, name, value)
        {
                char path[64];

                if (streq(name, own) || streq(name, "digits"))
                        continue;
                (void)snprintf(path, sizeof(path), "/%.60s", name);
                field_errors_add(errors, path, "is no argument of this task");
        }
}

/* Positional arguments are the operands. 0 or -ENOMEM. */
static int read_operation(struct task_call *c, json_t **ret, struct field_errors *errors)
{
        _cleanup_json_ json_t *arguments = json_copy(task_call_kwargs(c));
        json_t *args = task_call_args(c);

        if (!arguments)
                return -ENOMEM;
        refuse_others(arguments, "operands", errors);
        if (json_array_size(args) > 0 && json_object_get(arguments, "operands"))
                field_errors_add(errors, "/args", "operands are given twice");
        else if (json_array_size(args) > 0 && json_object_set(arguments, "operands", args) < 0)
                return -ENOMEM;
        if (json_object_set_new(arguments, "operation", json_string(task_call_name(c) + strlen(PREFIX))) < 0)
                return -ENOMEM;
        *ret = TAKE_PTR(arguments);
        return 0;
}

static int begin(struct task_call *c, json_t *arguments, struct field_errors *errors)
{
        struct calculator_tasks *t = task_call_context(c);
        struct task_op *op = task_call_op(c, sizeof(*op), task_op_done);
        struct task_work *w = NULL;
        int r = op ? 0 : -ENOMEM;

        if (r == 0 && errors->n_errors > 0)
                r = -EBADMSG;
        if (r == 0) {
                w = new0(struct task_work, 1);
                r = w ? calculation_input_read(arguments, &w->computation.input, errors) : -ENOMEM;
        }
        if (r < 0) {
                free(w);
                if (r == -EBADMSG)
                        task_call_invalid(c, errors);
                return r == -EBADMSG ? 0 : r;
        }
        op->call = c;
        op->work = w;
        w->op = op;
        w->computation.work_usec = t->conf->calculator.work_max_msec * USEC_PER_MSEC;
        w->computation.complete = on_computed;
        list_append(&t->works, &w->link);
        computation_submit(&w->computation, t->offload);
        return 0;
}

static int on_evaluate(struct task_call *c)
{
        static const char *const names[] = {"expression", "digits", NULL};
        _cleanup_json_ json_t *arguments = NULL;
        struct field_errors errors;
        int r;

        r = task_call_arguments(c, names, &arguments);
        if (r != 0)
                return MIN_OF(r, 0);
        errors.n_errors = 0;
        refuse_others(arguments, "expression", &errors);
        return begin(c, arguments, &errors);
}

static int on_operation(struct task_call *c)
{
        _cleanup_json_ json_t *arguments = NULL;
        struct field_errors errors;
        int r;

        errors.n_errors = 0;
        r = read_operation(c, &arguments, &errors);
        return r < 0 ? r : begin(c, arguments, &errors);
}

static const struct task_handler handlers[] = {
        {PREFIX "evaluate", on_evaluate},
        {PREFIX "add", on_operation},
        {PREFIX "subtract", on_operation},
        {PREFIX "multiply", on_operation},
        {PREFIX "divide", on_operation},
        {PREFIX "power", on_operation},
        {PREFIX "sqrt", on_operation},
        {PREFIX "ln", on_operation},
        {PREFIX "exp", on_operation},
        {PREFIX "log10", on_operation},
        {NULL},
};

/* ---- Life ---- */

int calculator_tasks_new(struct calculator_tasks **ret, struct service *service, struct pg_pool *pool,
                         struct offload *offload, const struct calculator_conf *conf)
{
        struct calculator_tasks *t = new0(struct calculator_tasks, 1);
        int r;

        if (!t)
                return log_error_errno(-ENOMEM, "Cannot set up the tasks: %m");
        t->conf = conf;
        t->offload = offload;
        list_init(&t->works);
        r = task_worker_new(&t->worker, &(struct task_worker_setup){
                                                .service = service,
                                                .pool = pool,
                                                .broker = &conf->broker,
                                                .conf = &conf->tasks,
                                                .queue = CALCULATOR_TASKS_QUEUE,
                                                .handlers = handlers,
                                                .context = t,
                                        });
        if (r < 0) {
                calculator_tasks_free(t);
                return r;
        }
        *ret = t;
        return 0;
}

void calculator_tasks_reload(struct calculator_tasks *t, const struct calculator_conf *conf)
{
        t->conf = conf;
        task_worker_reload(t->worker, &conf->tasks);
}

void calculator_tasks_ring(struct calculator_tasks *t)
{
        task_worker_ring(t->worker);
}

void calculator_tasks_drain(struct calculator_tasks *t)
{
        task_worker_drain(t->worker);
}

struct calculator_tasks *calculator_tasks_free(struct calculator_tasks *t)
{
        if (!t)
                return NULL;
        task_worker_free(t->worker);
        LIST_FOREACH_SAFE (i, &t->works)
                work_free(LIST_ENTRY(i, struct task_work, link));
        free(t);
        return NULL;
}
