/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

#include "arithmetic/calculation_input.h"
#include "arithmetic/operation.h"
#include "base/alloc.h"
#include "base/parse.h"
#include "base/str.h"
#include "contract/names.h"
#include "json/jwrite.h"

struct form {
        char *expression, *operation, *deadline; /* owned */
        json_t *operands;                        /* owned */
        int64_t digits;
        bool is_durable;
};

#define AT(member) .offset = offsetof(struct form, member)
static const struct jread_field fields[] = {
        {.name = "expression", .type = JREAD_STRING, AT(expression), .min = 1, .max = EXPRESSION_SIZE_MAX},
        {.name = "operation", .type = JREAD_STRING, AT(operation), .min = 1, .max = 32},
        {.name = "operands", .type = JREAD_JSON, AT(operands)},
        {.name = "digits", .type = JREAD_INT, AT(digits), .min = 1, .max = EXPRESSION_DIGITS_MAX},
        {.name = "durable", .type = JREAD_BOOL, AT(is_durable)},
        {.name = "deadline", .type = JREAD_STRING, AT(deadline), .min = 1, .max = 64},
};

static void form_done(struct form *f)
{
        free(f->expression);
        free(f->operation);
        free(f->deadline);
        json_decref(f->operands);
}

void calculation_input_done(struct calculation_input *i)
{
        free(i->expression);
        free(i->operation);
        free(i->operands);
        free(i->deadline);
        *i = (struct calculation_input){NULL};
}

static int write_operands(struct calculation_input *i, const char *const *operands, size_t n)
{
        struct buf text = BUF_EMPTY;
        struct jwrite w = jwrite_to(&text);

        jwrite_array_begin(&w);
        for (size_t k = 0; k < n; k++)
                jwrite_string(&w, operands[k]);
        jwrite_array_end(&w);
        i->operands = buf_take(&text, NULL);
        return i->operands ? 0 : -ENOMEM;
}

static void complain(struct field_errors *errors, int error, const char *operation, size_t wrong)
{
        char path[32];

        if (error == -ENOENT) {
                field_errors_add(errors, "/operation",
                                 "must be add, subtract, multiply, divide, power, sqrt, ln, exp or log10");
        } else if (error == -E2BIG) {
                field_errors_add(errors, "/operands", "are too few or too many for %.32s", operation);
        } else {
                (void)snprintf(path, sizeof(path), "/operands/%zu", wrong);
                field_errors_add(errors, path, "must be a decimal string such as \"-12.5\" or \"1e-3\"");
        }
}

static int take_operation(struct calculation_input *i, const char *operation, const char *const *operands,
                          size_t n, struct field_errors *errors)
{
        struct buf text = BUF_EMPTY;
        size_t wrong = 0;
        int r;

        r = operation_write(&text, operation, operands, n, &wrong);
        if (r < 0) {
                buf_done(&text);
                complain(errors, r, operation, wrong);
                return -EBADMSG;
        }
        i->expression = buf_take(&text, NULL);
        if (!i->expression)
                return -ENOMEM;
        r = strdup_to(&i->operation, operation);
        return r < 0 ? r : write_operands(i, operands, n);
}

static int check_expression(const char *expression, struct field_errors *errors)
{
        struct expression_error error;
        int r = expression_check(expression, strlen(expression), &error);

        if (r == -EBADMSG)
                field_errors_add(errors, "/expression", "%s (character %u)", error.detail, error.position);
        return r;
}

int calculation_input_make(const char *expression, const char *operation, const char *const *operands,
                           size_t n_operands, struct calculation_input *ret, struct field_errors *errors)
{
        struct calculation_input i = {.digits = EXPRESSION_DIGITS_DEFAULT};
        int r;

        if (!expression == !operation) {
                field_errors_add(errors, "", "needs either an expression or an operation with its operands");
                return -EBADMSG;
        }
        r = operation ? take_operation(&i, operation, operands, n_operands, errors)
                      : strdup_to(&i.expression, expression);
        if (r == 0)
                r = check_expression(i.expression, errors);
        if (r < 0)
                calculation_input_done(&i);
        else
                *ret = i;
        return r;
}

/* A JSON integer is exact, too; it is written into `digits`. */
static const char *operand_text(const json_t *value, char digits[24])
{
        if (json_is_integer(value)) {
                (void)snprintf(digits, 24, "%" JSON_INTEGER_FORMAT, json_integer_value(value));
                return digits;
        }
        if (!json_is_string(value) || strlen(json_string_value(value)) != json_string_length(value))
                return "";
        return json_string_value(value);
}

static int make_from_form(const struct form *f, struct calculation_input *ret, struct field_errors *errors)
{
        const char *operands[OPERATION_OPERANDS_MAX + 1];
        char digits[OPERATION_OPERANDS_MAX + 1][24];
        size_t n = json_array_size(f->operands);

        if (f->operands && (!json_is_array(f->operands) || n > OPERATION_OPERANDS_MAX)) {
                field_errors_add(errors, "/operands", "must be an array of at most %d decimal strings",
                                 OPERATION_OPERANDS_MAX);
                return -EBADMSG;
        }
        if (f->operands && !f->operation) {
                field_errors_add(errors, "/operation", "is required with operands");
                return -EBADMSG;
        }
        for (size_t k = 0; k < n; k++)
                operands[k] = operand_text(json_array_get(f->operands, k), digits[k]);
        return calculation_input_make(f->expression, f->operation, operands, n, ret, errors);
}

static int check_deadline(const struct form *f, struct field_errors *errors)
{
        int64_t usec;

        if (!f->deadline || parse_rfc3339(f->deadline, &usec) == 0)
                return 0;
        field_errors_add(errors, "/deadline", "must be a time such as \"2026-11-30T12:00:00Z\"");
        return -EBADMSG;
}

int calculation_input_read(json_t *value, struct calculation_input *ret, struct field_errors *errors)
{
        _cleanup_(form_done) struct form form = {.digits = EXPRESSION_DIGITS_DEFAULT, .is_durable = true};
        struct calculation_input made;
        int r;

        r = jread_object(value, fields, ARRAY_SIZE(fields), "", &form, errors);
        if (r == 0)
                r = check_deadline(&form, errors);
        if (r == 0)
                r = make_from_form(&form, &made, errors);
        if (r < 0)
                return r;
        made.digits = form.digits;
        made.is_transient = !form.is_durable;
        made.deadline = TAKE_PTR(form.deadline);
        *ret = made;
        return 0;
}

int calculation_input_decode(const char *text, size_t n, struct calculation_input *ret,
                             struct field_errors *errors)
{
        _cleanup_json_ json_t *value = NULL;
        int r;

        r = jread_text(text, n, &value, errors);
        return r < 0 ? r : calculation_input_read(value, ret, errors);
}

void calculation_input_command(const struct calculation_input *i, struct buf *out)
{
        buf_printf(out, "%s\n%" PRId64 "\n%d\n%s", i->expression, i->digits, i->is_transient,
                   i->deadline ? i->deadline : "");
}

void calculation_result_write(struct buf *out, const struct expression_result *result)
{
        struct jwrite w = jwrite_to(out);

        jwrite_object_begin(&w);
        jwrite_pair(&w, "value", result->value);
        jwrite_key(&w, "exact");
        jwrite_bool(&w, result->is_exact);
        jwrite_pair(&w, "fraction", result->fraction);
        jwrite_object_end(&w);
}

void calculation_error_write(struct buf *out, const char *slug, const char *detail, unsigned position)
{
        struct jwrite w = jwrite_to(out);

        jwrite_object_begin(&w);
        jwrite_key(&w, "type");
        jwrite_raw(&w, "\"" PROBLEM_PREFIX, sizeof("\"" PROBLEM_PREFIX) - 1);
        buf_append_str(out, slug);
        buf_append_char(out, '"');
        jwrite_pair(&w, "detail", detail);
        if (position > 0) {
                jwrite_key(&w, "position");
                jwrite_int(&w, position);
        }
        jwrite_object_end(&w);
}

static void write_json(struct jwrite *w, const char *key, const char *json)
{
        jwrite_key(w, key);
        if (json)
                jwrite_raw(w, json, strlen(json));
        else
                jwrite_null(w);
}

void calculation_answer_write(struct buf *out, const struct calculation_input *i, const char *state,
                              const char *result, const char *error)
{
        struct jwrite w = jwrite_to(out);

        jwrite_object_begin(&w);
        jwrite_pair(&w, "expression", i->expression);
        if (i->operation) {
                jwrite_pair(&w, "operation", i->operation);
                write_json(&w, "operands", i->operands);
        }
        jwrite_key(&w, "digits");
        jwrite_int(&w, i->digits);
        jwrite_pair(&w, "state", state);
        write_json(&w, "result", result);
        write_json(&w, "error", error);
        jwrite_object_end(&w);
}
