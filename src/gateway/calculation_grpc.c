/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */

/* Calculations over gRPC. */

#include <errno.h>
#include <stdio.h>

#include "base/alloc.h"
#include "base/parse.h"
#include "base/str.h"
#include "contract/names.h"
#include "gateway/calculation_grpc.h"
#include "gateway/gateway.h"
#include "proto/lonja/v1/calculator.pb-c.h"
#include "json/jread.h"

#define WATCH_LOOK_USEC USEC_PER_SEC /* "running" shows within it; the end at once */

struct op {
        struct rpc_call *call;
        struct calculation_command command;
        char hash[65];
        char state[16]; /* Watch: what was sent last */
};

static void op_done(void *slot)
{
        calculation_command_done(&((struct op *)slot)->command);
}

static struct op *op_new(struct rpc_call *c)
{
        struct op *op = rpc_call_op(c, sizeof(*op), op_done);

        if (op)
                op->call = c;
        return op;
}

/* ---- Answers ---- */

/* A member's text, "" for null or none; protobuf-c's strings are not const. */
static char *text_of(const json_t *object, const char *name)
{
        const char *s = json_string_value(json_object_get(object, name));

        return (char *)(s ? s : "");
}

/* The texts stay those of `json`. */
static void fill(Lonja__V1__Calculation *m, const struct calculation_command *c, const json_t *json)
{
        const json_t *result = json_object_get(json, "result"), *error = json_object_get(json, "error");
        const char *slug = startswith(text_of(error, "type"), PROBLEM_PREFIX);

        m->id = (char *)(c->is_kept ? c->id : "");
        m->state = text_of(json, "state");
        m->expression = text_of(json, "expression");
        m->value = text_of(result, "value");
        m->exact = json_is_true(json_object_get(result, "exact"));
        m->fraction = text_of(result, "fraction");
        m->error = (char *)(slug ? slug : "");
        m->detail = text_of(error, "detail");
        m->position = (uint32_t)json_integer_value(json_object_get(error, "position"));
        m->created_at = text_of(json, "created_at");
        m->deadline = text_of(json, "deadline");
        m->finished_at = text_of(json, "finished_at");
}

static int decode_shown(const struct calculation_command *c, json_t **ret)
{
        struct field_errors errors = {.n_errors = 0};
        int r = jread_text(c->json, c->json_size, ret, &errors);

        return r == -EBADMSG ? -EIO : r;
}

/* What is not a calculation to show ends the call. */
static void end_unshown(struct op *op)
{
        struct calculation_command *c = &op->command;

        if (c->outcome == CALCULATION_REFUSED)
                rpc_call_problem(op->call, c->status, c->slug, "%s", c->detail);
        else
                rpc_call_error(op->call, c->error);
}

static void on_complete(struct calculation_command *c)
{
        struct op *op = container_of(c, struct op, command);
        _cleanup_json_ json_t *json = NULL;
        Lonja__V1__Calculation m = LONJA__V1__CALCULATION__INIT;
        int r;

        if (c->outcome != CALCULATION_SHOWN) {
                end_unshown(op);
                return;
        }
        r = decode_shown(c, &json);
        if (r < 0) {
                rpc_call_error(op->call, r);
                return;
        }
        if (c->is_replayed)
                rpc_call_add_header(op->call, "idempotency-replayed", "true", strlen("true"));
        if (c->is_kept)
                rpc_call_log_field(op->call, "CALCULATION_ID", c->id);
        fill(&m, c, json);
        rpc_call_reply(op->call, &m.base);
}

/* ---- Asking for one ---- */

static void complain(struct rpc_call *c, const struct field_errors *errors)
{
        const struct field_error *first = &errors->errors[0];

        rpc_call_problem(c, 400, "invalid-input", "%s%s%s", first->path, *first->path ? " " : "",
                         first->reason);
}

/* 0; -EBADMSG with `errors`; -ENOMEM. */
static int apply_options(struct calculation_input *input, const Lonja__V1__CalculationOptions *o,
                         struct field_errors *errors)
{
        int64_t usec;

        if (!o)
                return 0;
        if (o->digits > EXPRESSION_DIGITS_MAX)
                field_errors_add(errors, "options.digits", "must be at most %d", EXPRESSION_DIGITS_MAX);
        if (*o->deadline && parse_rfc3339(o->deadline, &usec) < 0)
                field_errors_add(errors, "options.deadline",
                                 "must be a time such as \"2026-11-30T12:00:00Z\"");
        if (errors->n_errors > 0)
                return -EBADMSG;
        if (o->digits > 0)
                input->digits = o->digits;
        input->is_transient = o->transient;
        return *o->deadline ? strdup_to(&input->deadline, o->deadline) : 0;
}

/* 0 or -ENOMEM. */
static int hash_input(struct op *op, const struct calculation_input *input)
{
        _cleanup_(buf_done) struct buf command = BUF_EMPTY;
        int r;

        calculation_input_command(input, &command);
        r = buf_error(&command);
        if (r == 0)
                web_write_hash("calculation.submit", buf_bytes(&command), buf_size(&command), op->hash);
        return r;
}

/* `input` was made, with its errors if it was not. */
static int begin_submit(struct rpc_call *c, int made, struct calculation_input *input,
                        const Lonja__V1__CalculationOptions *options, bool waits, struct field_errors *errors)
{
        struct gateway *d = rpc_call_context(c);
        struct op *op = op_new(c);
        struct calculation_request request = {
                .input = input,
                .request_id = rpc_call_id(c),
                .wait_until_usec = waits ? rpc_call_deadline(c) : 0,
        };
        int r = op ? made : -ENOMEM;

        if (r == 0)
                r = apply_options(input, options, errors);
        if (r == 0 && input->is_transient && !waits) {
                field_errors_add(errors, "options.transient", "is for callers that wait");
                r = -EBADMSG;
        }
        if (r == -EBADMSG) {
                complain(c, errors);
                return 0;
        }
        if (r == 0 && web_rpc_read_key(c, &request.key) != 0)
                return 0;
        if (r == 0)
                r = hash_input(op, input);
        request.hash = op ? op->hash : NULL;
        return r < 0 ? r : calculation_submit(&op->command, d->calculations, &request, on_complete);
}

static int submit(struct rpc_call *c, const char *expression, const char *operation, char *const *operands,
                  size_t n_operands, const Lonja__V1__CalculationOptions *options, bool waits)
{
        struct field_errors errors = {.n_errors = 0};
        struct calculation_input input = {NULL};
        int r;

        r = calculation_input_make(expression, operation, (const char *const *)operands, n_operands, &input,
                                   &errors);
        r = begin_submit(c, r, &input, options, waits, &errors);
        calculation_input_done(&input);
        return r;
}

static int submit_operands(struct rpc_call *c, const char *operation)
{
        const Lonja__V1__OperandsRequest *q = (const void *)rpc_call_request(c);

        return submit(c, NULL, operation, q->operands, q->n_operands, q->options, true);
}

int calculation_grpc_add(struct rpc_call *c)
{
        return submit_operands(c, "add");
}

int calculation_grpc_subtract(struct rpc_call *c)
{
        return submit_operands(c, "subtract");
}

int calculation_grpc_multiply(struct rpc_call *c)
{
        return submit_operands(c, "multiply");
}

int calculation_grpc_divide(struct rpc_call *c)
{
        return submit_operands(c, "divide");
}

int calculation_grpc_evaluate(struct rpc_call *c)
{
        const Lonja__V1__EvaluateRequest *q = (const void *)rpc_call_request(c);

        return submit(c, q->expression, NULL, NULL, 0, q->options, true);
}

int calculation_grpc_submit(struct rpc_call *c)
{
        const Lonja__V1__SubmitCalculationRequest *q = (const void *)rpc_call_request(c);

        return submit(c, *q->expression ? q->expression : NULL, *q->operation ? q->operation : NULL,
                      q->operands, q->n_operands, q->options, false);
}

/* ---- Looking at one ---- */

/* 0; 1: finished with NOT_FOUND. */
static int read_id(struct rpc_call *c, const char **ret)
{
        const Lonja__V1__GetCalculationRequest *q = (const void *)rpc_call_request(c);

        *ret = q->id;
        if (calculation_id_is_valid(q->id))
                return 0;
        rpc_call_problem(c, 404, "not-found", "there is no such calculation");
        return 1;
}

int calculation_grpc_get(struct rpc_call *c)
{
        struct gateway *d = rpc_call_context(c);
        struct op *op;
        const char *id;

        if (read_id(c, &id) != 0)
                return 0;
        op = op_new(c);
        return op ? calculation_get(&op->command, d->calculations, id, 0, on_complete) : -ENOMEM;
}

static void on_seen(struct calculation_command *c);

static int look_again(struct op *op)
{
        struct gateway *d = rpc_call_context(op->call);
        char id[CALCULATION_ID_SIZE];

        memcpy(id, op->command.id, sizeof(id));
        calculation_command_done(&op->command);
        return calculation_get(&op->command, d->calculations, id,
                               usec_add(clock_monotonic_usec(), WATCH_LOOK_USEC), on_seen);
}

/* 0 or -errno. */
static int send_if_new(struct op *op)
{
        const struct calculation_command *c = &op->command;
        Lonja__V1__Calculation m = LONJA__V1__CALCULATION__INIT;
        _cleanup_json_ json_t *json = NULL;
        int r = decode_shown(c, &json);

        if (r < 0)
                return r;
        fill(&m, c, json);
        if (streq(op->state, m.state))
                return 0;
        (void)snprintf(op->state, sizeof(op->state), "%s", m.state);
        return MIN_OF(rpc_call_send(op->call, &m.base), 0);
}

static void on_seen(struct calculation_command *c)
{
        struct op *op = container_of(c, struct op, command);
        int r;

        if (c->outcome != CALCULATION_SHOWN) {
                end_unshown(op);
                return;
        }
        r = web_rpc_may_send(op->call) ? send_if_new(op) : -ENOTCONN;
        if (r == 0 && c->is_final) {
                rpc_call_finish(op->call, GRPC_OK, NULL);
                return;
        }
        if (r == 0)
                r = look_again(op);
        if (r < 0)
                rpc_call_error(op->call, r);
}

int calculation_grpc_watch(struct rpc_call *c)
{
        struct gateway *d = rpc_call_context(c);
        struct op *op;
        const char *id;

        if (read_id(c, &id) != 0)
                return 0;
        op = op_new(c);
        return op ? calculation_get(&op->command, d->calculations, id, 0, on_seen) : -ENOMEM;
}
