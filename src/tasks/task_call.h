/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */
#pragma once

/* A task as its handler sees it.
 *
 *         static const struct task_handler handlers[] = {
 *                 {"products.adjust_prices", adjust_begin},
 *                 {NULL},
 *         };
 *
 * begin() reads the arguments and either answers or leaves that to a completion: one of task_call_succeed(),
 * _fail(), _retry() or _written(), exactly once, the last thing done with the call.  It returns 0, or -errno
 * when it could not even begin (the task is tried again).  Rules live in the domain, in the function that
 * REST calls, too.
 *
 * A change of the database and the end of the task must commit together: sql/0006_tasks.sql says how. */

#include "pg/pg_query.h"
#include "service/loop.h"
#include "json/jread.h"

struct task_call;

struct task_handler {
        const char *name; /* as Celery's send_task() has it; NULL ends the table */
        int (*begin)(struct task_call *c);
};

void *task_call_context(const struct task_call *c); /* the worker's: the daemon */
const char *task_call_name(const struct task_call *c);
const char *task_call_id(const struct task_call *c);
const char *task_call_request_id(const struct task_call *c);
/* The retries before this one, and whether the failure of this one would be the last. */
int64_t task_call_retries(const struct task_call *c);
bool task_call_is_last(const struct task_call *c);
/* The end of its time, CLOCK_MONOTONIC: for queries and the like. Beyond it the call fails by itself. */
usec_t task_call_deadline(const struct task_call *c);
/* The operation's own state: zeroed, one per call, freed with it after done(op), which also ends what is in
 * flight when the call's time is over. NULL when out of memory. */
void *task_call_op(struct task_call *c, size_t size, void (*done)(void *op));

/* The arguments as one object: positional ones get the names of `names` (ends with NULL) in turn. Owned by
 * the caller. 0; 1: there are too many, or one is given twice: answered; -ENOMEM. */
int task_call_arguments(struct task_call *c, const char *const *names, json_t **ret);
json_t *task_call_args(const struct task_call *c);   /* borrowed; an array */
json_t *task_call_kwargs(const struct task_call *c); /* borrowed; an object */

/* `result` is JSON text, NULL for null. */
void task_call_succeed(struct task_call *c, const char *result);
/* As a problem over REST; `detail` and `errors` may be NULL. */
void task_call_fail(struct task_call *c, unsigned status, const char *slug, const struct field_errors *errors,
                    const char *detail, ...) _printf_(5, 6);
void task_call_invalid(struct task_call *c, const struct field_errors *errors);
/* A failure that may pass: tried again after a while, MaxRetries times, then as above. */
void task_call_retry(struct task_call *c, unsigned status, const char *slug, const char *detail);
/* The outcome of a query whose function returns a write_row and has called task_end() on success. */
void task_call_written(struct task_call *c, const struct pg_query *q);
