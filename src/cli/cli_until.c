/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */

/* Recursive descent into a flat list in postfix order: comparisons push their truth, AND and OR take two. */

#include "cli/cli_until.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/macro.h"
#include "base/str.h"

enum op { OP_EQ, OP_NE, OP_LT, OP_LE, OP_GT, OP_GE, OP_AND, OP_OR };

struct step {
        enum op op;
        const char *field; /* borrowed from the table of fields */
        char *value;       /* owned */
};

struct cli_until {
        struct step steps[2 * CLI_UNTIL_MAX];
        size_t n_steps;
};

struct parser {
        const char *at;
        const char *const *fields;
        struct cli_until *u;
        unsigned n_comparisons, depth;
        char *error;
        size_t error_size;
};

static int complain(struct parser *p, const char *fmt, ...) _printf_(2, 3);
static int complain(struct parser *p, const char *fmt, ...)
{
        va_list ap;

        va_start(ap, fmt);
        vsnprintf(p->error, p->error_size, fmt, ap);
        va_end(ap);
        return -EINVAL;
}

static void skip_space(struct parser *p)
{
        p->at += strspn(p->at, " \t\n");
}

static bool take(struct parser *p, const char *token)
{
        const char *rest;

        skip_space(p);
        rest = startswith(p->at, token);
        if (rest)
                p->at = rest;
        return rest != NULL;
}

static int parse_field(struct parser *p, const char **ret)
{
        size_t n;

        skip_space(p);
        n = strspn(p->at, "abcdefghijklmnopqrstuvwxyz_");
        for (const char *const *f = p->fields; n > 0 && *f; f++)
                if (strlen(*f) == n && memcmp(*f, p->at, n) == 0) {
                        *ret = *f;
                        p->at += n;
                        return 0;
                }
        if (!*p->at)
                return complain(p, "a comparison is missing at the end");
        return complain(p, "there is no field at '%s'", p->at);
}

static int parse_operator(struct parser *p, enum op *ret)
{
        static const struct {
                const char *token;
                enum op op;
        } operators[] = {{"==", OP_EQ}, {"!=", OP_NE}, {"<=", OP_LE}, {">=", OP_GE},
                         {"=", OP_EQ},  {"<", OP_LT},  {">", OP_GT}};

        for (size_t i = 0; i < ARRAY_SIZE(operators); i++)
                if (take(p, operators[i].token)) {
                        *ret = operators[i].op;
                        return 0;
                }
        return complain(p, "one of == != < <= > >= is missing at '%s'", p->at);
}

static int parse_value(struct parser *p, char **ret)
{
        const char *begin, *end;

        skip_space(p);
        begin = p->at;
        if (*begin == '\'' || *begin == '"') {
                end = strchr(begin + 1, *begin);
                if (!end)
                        return complain(p, "the quote at '%s' does not end", begin);
                p->at = end + 1;
                begin++;
        } else {
                end = begin + strcspn(begin, " \t\n()&|<>=!'\"");
                if (end == begin)
                        return complain(p, "a value is missing at '%s'", begin);
                p->at = end;
        }
        *ret = memdup_str(begin, (size_t)(end - begin));
        return *ret ? 0 : -ENOMEM;
}

static void push(struct parser *p, enum op op, const char *field, char *value)
{
        p->u->steps[p->u->n_steps++] = (struct step){.op = op, .field = field, .value = value};
}

static int parse_or(struct parser *p);

static int parse_comparison(struct parser *p)
{
        const char *field = NULL;
        char *value = NULL;
        enum op op = OP_EQ;
        int r;

        if (take(p, "(")) {
                if (++p->depth > CLI_UNTIL_MAX)
                        return complain(p, "too many parentheses");
                r = parse_or(p);
                p->depth--;
                if (r < 0)
                        return r;
                return take(p, ")") ? 0 : complain(p, "')' is missing at '%s'", p->at);
        }
        if (++p->n_comparisons > CLI_UNTIL_MAX)
                return complain(p, "more than %d comparisons", CLI_UNTIL_MAX);
        r = parse_field(p, &field);
        if (r == 0)
                r = parse_operator(p, &op);
        if (r == 0)
                r = parse_value(p, &value);
        if (r == 0)
                push(p, op, field, value);
        return r;
}

static int parse_and(struct parser *p)
{
        int r;

        r = parse_comparison(p);
        while (r == 0 && take(p, "&&")) {
                r = parse_comparison(p);
                if (r == 0)
                        push(p, OP_AND, NULL, NULL);
        }
        return r;
}

static int parse_or(struct parser *p)
{
        int r;

        r = parse_and(p);
        while (r == 0 && take(p, "||")) {
                r = parse_and(p);
                if (r == 0)
                        push(p, OP_OR, NULL, NULL);
        }
        return r;
}

int cli_until_parse(const char *text, const char *const *fields, struct cli_until **ret, char *error,
                    size_t error_size)
{
        _cleanup_(cli_until_freep) struct cli_until *u = new0(struct cli_until, 1);
        struct parser p = {.at = text, .fields = fields, .u = u, .error = error, .error_size = error_size};
        int r;

        if (!u)
                return -ENOMEM;
        r = parse_or(&p);
        if (r < 0)
                return r;
        skip_space(&p);
        if (*p.at)
                return complain(&p, "not understood from '%s' on", p.at);
        *ret = TAKE_PTR(u);
        return 0;
}

struct cli_until *cli_until_free(struct cli_until *u)
{
        for (size_t i = 0; u && i < u->n_steps; i++)
                free(u->steps[i].value);
        free(u);
        return NULL;
}

/* ---- truth ---- */

struct decimal { /* without sign and useless zeros */
        const char *whole, *fraction;
        size_t n_whole, n_fraction;
        bool negative;
};

static int decimal_split(const char *s, struct decimal *d)
{
        static const char digits[] = "0123456789";

        *d = (struct decimal){.negative = *s == '-'};
        s += *s == '-' || *s == '+';
        d->whole = s;
        d->n_whole = strspn(s, digits);
        s += d->n_whole;
        d->fraction = s;
        if (*s == '.') {
                d->fraction = ++s;
                d->n_fraction = strspn(s, digits);
                s += d->n_fraction;
                if (d->n_fraction == 0)
                        return -EINVAL;
        }
        if (*s || d->n_whole == 0)
                return -EINVAL;
        for (; d->n_whole > 0 && *d->whole == '0'; d->n_whole--)
                d->whole++;
        while (d->n_fraction > 0 && d->fraction[d->n_fraction - 1] == '0')
                d->n_fraction--;
        if (d->n_whole == 0 && d->n_fraction == 0)
                d->negative = false;
        return 0;
}

static int compare_sizes(size_t a, size_t b)
{
        return (a > b) - (a < b);
}

int cli_decimal_compare(const char *a, const char *b, int *ret)
{
        struct decimal x, y;
        int c;

        if (decimal_split(a, &x) < 0 || decimal_split(b, &y) < 0)
                return -EINVAL;
        if (x.negative != y.negative) {
                *ret = x.negative ? -1 : 1;
                return 0;
        }
        c = compare_sizes(x.n_whole, y.n_whole);
        if (c == 0)
                c = memcmp(x.whole, y.whole, x.n_whole);
        if (c == 0)
                c = memcmp(x.fraction, y.fraction, MIN_OF(x.n_fraction, y.n_fraction));
        if (c == 0)
                c = compare_sizes(x.n_fraction, y.n_fraction);
        *ret = x.negative ? -c : c;
        return 0;
}

/* The text of a scalar; NULL for others. */
static const char *scalar_text(const json_t *value, char *room, size_t room_size)
{
        if (json_is_string(value))
                return json_string_value(value);
        if (json_is_integer(value))
                snprintf(room, room_size, "%lld", (long long)json_integer_value(value));
        else if (json_is_boolean(value))
                snprintf(room, room_size, "%s", json_is_true(value) ? "true" : "false");
        else
                return NULL;
        return room;
}

static bool comparison_is_true(const struct step *s, const json_t *object)
{
        char room[32];
        const char *text = scalar_text(json_object_get(object, s->field), room, sizeof(room));
        int c;

        if (!text)
                return false;
        if (cli_decimal_compare(text, s->value, &c) < 0)
                c = strcmp(text, s->value);
        switch (s->op) {
        case OP_EQ:
                return c == 0;
        case OP_NE:
                return c != 0;
        case OP_LT:
                return c < 0;
        case OP_LE:
                return c <= 0;
        case OP_GT:
                return c > 0;
        default:
                return c >= 0;
        }
}

bool cli_until_is_true(const struct cli_until *u, const json_t *object)
{
        bool stack[CLI_UNTIL_MAX + 1];
        size_t n = 0;

        for (size_t i = 0; i < u->n_steps; i++) {
                const struct step *s = &u->steps[i];

                if (s->op == OP_AND || s->op == OP_OR) {
                        bool b = stack[--n], a = stack[--n];

                        stack[n++] = s->op == OP_AND ? a && b : a || b;
                } else {
                        stack[n++] = comparison_is_true(s, object);
                }
        }
        return n == 1 && stack[0];
}
