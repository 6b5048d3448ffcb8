/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */
#pragma once

/* What is asked of the calculator, whatever door it comes by, and what is answered.  Pure; fuzzed.
 *
 *     {"expression": "(2+3)*4/7"}  or  {"operation": "divide", "operands": ["20", "7"]}
 *     and "digits": 34, "durable": true, "deadline": "2026-11-30T12:00:00Z" */

#include "arithmetic/expression.h"
#include "base/buf.h"
#include "json/jread.h"

struct calculation_input {
        char *expression;           /* owned; always there after decoding */
        char *operation, *operands; /* owned; how it was asked for; operands as a JSON array; or both NULL */
        int64_t digits;
        bool is_transient; /* "durable": false */
        char *deadline;    /* owned; RFC 3339, or NULL */
};

/* JSON text, as above. 0; -EBADMSG with every error; -ENOMEM. */
int calculation_input_decode(const char *text, size_t n, struct calculation_input *ret,
                             struct field_errors *errors);
/* The same from a JSON value, which is borrowed. */
int calculation_input_read(json_t *value, struct calculation_input *ret, struct field_errors *errors);
/* The same from its parts: `expression`, or `operation` with `operands`; what is not given is NULL. */
int calculation_input_make(const char *expression, const char *operation, const char *const *operands,
                           size_t n_operands, struct calculation_input *ret, struct field_errors *errors);
void calculation_input_done(struct calculation_input *i);
/* What an idempotency key is bound to. */
void calculation_input_command(const struct calculation_input *i, struct buf *out);

/* {"value":"2.5","exact":true,"fraction":"5/2"} */
void calculation_result_write(struct buf *out, const struct expression_result *result);
/* {"type":"urn:lonja:problem:...","detail":...,"position":3}; position 0: none. */
void calculation_error_write(struct buf *out, const char *slug, const char *detail, unsigned position);
/* What a caller of one that is not kept is answered; `state` is "done" or "failed", one of the others is
 * NULL.
 */
void calculation_answer_write(struct buf *out, const struct calculation_input *i, const char *state,
                              const char *result, const char *error);
