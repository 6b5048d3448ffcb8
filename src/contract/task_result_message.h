/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */
#pragma once

/* What became of a task, in the shape of Celery's rpc:// backend: published to the default exchange with the
 * task's reply_to as routing key and its id as correlation_id.  Pure; fuzzed.
 *
 *     {"task_id":"...","status":"SUCCESS","result":{...},"traceback":null,"children":[]}
 *     {"task_id":"...","status":"FAILURE","result":{"exc_type":"PriceTooLarge","exc_message":["..."],
 *                        "exc_module":"lonja","problem":{...}},"traceback":null,"children":[]}
 *
 * A Celery client raises an exception class of that name; `problem` is the same as REST would have answered
 * (RFC 9457), for programs that want more. */

#include <stdbool.h>

#include "base/buf.h"
#include "json/jread.h"

enum task_status {
        TASK_PENDING,
        TASK_RECEIVED,
        TASK_STARTED,
        TASK_RETRY,
        TASK_SUCCESS,
        TASK_FAILURE,
        TASK_REVOKED,
};
const char *task_status_name(enum task_status status); /* "SUCCESS" */
/* SUCCESS, FAILURE, REVOKED: nothing follows. */
bool task_status_is_final(enum task_status status);

/* `result` is JSON text, NULL for null. Appends. */
void task_result_encode(struct buf *out, const char *task_id, enum task_status status, const char *result);
/* The result of a failure. `slug` is a problem's ("price-too-large", which becomes PriceTooLarge); the few
 * that Celery has a class for get that one. `errors` may be NULL. Appends one JSON object. */
void task_error_encode(struct buf *out, const char *slug, unsigned status, const char *detail,
                       const struct field_errors *errors);

struct task_result {
        char *task_id; /* owned */
        enum task_status status;
        json_t *result;  /* owned, never NULL */
        char *traceback; /* owned or NULL */
};
int task_result_decode(const char *text, size_t n, struct task_result *ret); /* 0; -EBADMSG; -ENOMEM */
void task_result_done(struct task_result *r);
/* A failure in one line, "PriceTooLarge: a price of ..."; "" for other results. Appends. */
void task_result_describe(struct buf *out, const struct task_result *r);
