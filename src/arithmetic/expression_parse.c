/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */

/* From text to nodes, by recursive descent.  Each function leaves the index of its last node in *ret. */

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "arithmetic/expression_tree.h"
#include "base/macro.h"
#include "base/str.h"

struct parser {
        struct tree *tree;
        size_t at; /* in the text */
        unsigned depth;
};

static const struct {
        const char *name;
        enum node_kind kind;
} functions[] = {
        {"sqrt", NODE_SQRT}, {"ln", NODE_LN}, {"exp", NODE_EXP}, {"log10", NODE_LOG10}, {"power", NODE_POWER},
};

static int parse_sum(struct parser *p, uint32_t *ret);
static int parse_signed(struct parser *p, uint32_t *ret);

int tree_fail(struct tree *t, size_t at, enum expression_fault fault, const char *detail)
{
        *t->error = (struct expression_error){
                .fault = fault,
                .position = (unsigned)utf8_length(t->text, at) + 1,
        };
        (void)snprintf(t->error->detail, sizeof(t->error->detail), "%s", detail);
        return -EBADMSG;
}

static int invalid(struct parser *p, const char *detail)
{
        return tree_fail(p->tree, p->at, EXPRESSION_INVALID, detail);
}

static int add_node(struct parser *p, struct node node, uint32_t *ret)
{
        struct tree *t = p->tree;

        if (t->n_nodes == t->capacity) {
                uint32_t capacity = t->capacity > 0 ? t->capacity * 2 : 16;
                struct node *nodes = reallocarray(t->nodes, capacity, sizeof(*nodes));

                if (!nodes)
                        return -ENOMEM;
                t->nodes = nodes;
                t->capacity = capacity;
        }
        t->nodes[t->n_nodes] = node;
        *ret = t->n_nodes++;
        return 0;
}

static bool is_digit(char c)
{
        return c >= '0' && c <= '9';
}

static bool is_letter(char c)
{
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

/* NUL at the end: the text has none in it, which the caller has checked. */
static char peek(const struct parser *p, size_t ahead)
{
        return p->at + ahead < p->tree->text_size ? p->tree->text[p->at + ahead] : '\0';
}

static void skip_space(struct parser *p)
{
        while (peek(p, 0) == ' ' || peek(p, 0) == '\t' || peek(p, 0) == '\n' || peek(p, 0) == '\r')
                p->at++;
}

/* The operator that comes next, in ASCII, and how many bytes it has; NUL when none does. */
static char next_operator(struct parser *p, size_t *ret_size)
{
        static const struct {
                const char *text;
                char ascii;
        } others[] = {{"\u2212", '-'}, {"\u00d7", '*'}, {"\u00f7", '/'}};

        skip_space(p);
        *ret_size = 1;
        for (size_t i = 0; i < ARRAY_SIZE(others); i++) {
                size_t n = strlen(others[i].text);

                if (p->tree->text_size - p->at < n || memcmp(p->tree->text + p->at, others[i].text, n) != 0)
                        continue;
                *ret_size = n;
                return others[i].ascii;
        }
        return peek(p, 0) != '\0' && strchr("+-*/^", peek(p, 0)) ? peek(p, 0) : '\0';
}

static size_t skip_digits(struct parser *p)
{
        size_t from = p->at;

        while (is_digit(peek(p, 0)))
                p->at++;
        return p->at - from;
}

static int parse_number(struct parser *p, uint32_t *ret)
{
        size_t from = p->at, n_digits = skip_digits(p), sign;

        if (peek(p, 0) == '.') {
                p->at++;
                n_digits += skip_digits(p);
        }
        if (n_digits == 0) {
                p->at = from;
                return invalid(p, "a number, a name or \"(\" is wanted here");
        }
        if (peek(p, 0) == 'e' || peek(p, 0) == 'E') {
                sign = peek(p, 1) == '-' || peek(p, 1) == '+';
                if (is_digit(peek(p, 1 + sign))) {
                        p->at += 1 + sign;
                        skip_digits(p);
                }
        }
        if (is_letter(peek(p, 0)) || peek(p, 0) == '.')
                return invalid(p, "this does not belong to a number");
        return add_node(
                p, (struct node){.kind = NODE_NUMBER, .at = (uint32_t)from, .size = (uint32_t)(p->at - from)},
                ret);
}

static int expect(struct parser *p, char c, const char *detail)
{
        skip_space(p);
        if (peek(p, 0) != c)
                return invalid(p, detail);
        p->at++;
        return 0;
}

static int parse_call(struct parser *p, uint32_t *ret)
{
        struct node node = {.at = (uint32_t)p->at};
        size_t i, n = 0;
        int r;

        while (is_letter(peek(p, n)) || is_digit(peek(p, n)))
                n++;
        for (i = 0; i < ARRAY_SIZE(functions); i++)
                if (strlen(functions[i].name) == n &&
                    memcmp(functions[i].name, p->tree->text + p->at, n) == 0)
                        break;
        if (i == ARRAY_SIZE(functions))
                return invalid(p, "no such function: there are sqrt, ln, exp, log10 and power");
        node.kind = functions[i].kind;
        node.size = (uint32_t)n;
        p->at += n;
        r = expect(p, '(', "\"(\" is wanted after the function's name");
        if (r == 0)
                r = parse_sum(p, &node.left);
        if (r == 0 && node.kind == NODE_POWER) {
                r = expect(p, ',', "\",\" and the exponent are wanted here");
                if (r == 0)
                        r = parse_sum(p, &node.right);
        }
        if (r == 0)
                r = expect(p, ')', "an operator or \")\" is wanted here");
        return r < 0 ? r : add_node(p, node, ret);
}

static int parse_primary(struct parser *p, uint32_t *ret)
{
        int r;

        skip_space(p);
        if (is_letter(peek(p, 0)))
                return parse_call(p, ret);
        if (peek(p, 0) != '(')
                return parse_number(p, ret);
        p->at++;
        r = parse_sum(p, ret);
        return r < 0 ? r : expect(p, ')', "an operator or \")\" is wanted here");
}

static int parse_power(struct parser *p, uint32_t *ret)
{
        struct node node = {.kind = NODE_POWER};
        size_t size;
        int r;

        r = parse_primary(p, &node.left);
        if (r < 0)
                return r;
        if (next_operator(p, &size) != '^') {
                *ret = node.left;
                return 0;
        }
        node.at = (uint32_t)p->at;
        node.size = (uint32_t)size;
        p->at += size;
        r = parse_signed(p, &node.right);
        return r < 0 ? r : add_node(p, node, ret);
}

/* Every way down leads through here: this is where the depth is counted. */
static int parse_signed(struct parser *p, uint32_t *ret)
{
        struct node node = {.kind = NODE_NEGATE};
        size_t size;
        char sign = next_operator(p, &size);
        int r;

        if (p->depth == EXPRESSION_DEPTH_MAX)
                return invalid(p, "nested too deeply");
        p->depth++;
        if (sign == '-' || sign == '+') {
                node.at = (uint32_t)p->at;
                node.size = (uint32_t)size;
                p->at += size;
                r = parse_signed(p, &node.left);
                if (r == 0 && sign == '-')
                        r = add_node(p, node, ret);
                else
                        *ret = node.left;
        } else
                r = parse_power(p, ret);
        p->depth--;
        return r;
}

static int parse_chain(struct parser *p, const char *operators, const enum node_kind kinds[2],
                       int (*operand)(struct parser *p, uint32_t *ret), uint32_t *ret)
{
        uint32_t left;
        int r;

        r = operand(p, &left);
        while (r == 0) {
                struct node node = {.left = left};
                size_t size;
                char c = next_operator(p, &size);

                if (c != operators[0] && c != operators[1])
                        break;
                node.kind = kinds[c == operators[1]];
                node.at = (uint32_t)p->at;
                node.size = (uint32_t)size;
                p->at += size;
                r = operand(p, &node.right);
                if (r == 0)
                        r = add_node(p, node, &left);
        }
        *ret = left;
        return r;
}

static int parse_product(struct parser *p, uint32_t *ret)
{
        static const enum node_kind kinds[2] = {NODE_MULTIPLY, NODE_DIVIDE};

        return parse_chain(p, "*/", kinds, parse_signed, ret);
}

static int parse_sum(struct parser *p, uint32_t *ret)
{
        static const enum node_kind kinds[2] = {NODE_ADD, NODE_SUBTRACT};

        return parse_chain(p, "+-", kinds, parse_product, ret);
}

int tree_parse(struct tree *t, const char *text, size_t n, struct expression_error *error)
{
        struct parser p = {.tree = t};
        uint32_t root;
        int r;

        *t = (struct tree){.text = text, .text_size = n, .error = error};
        if (n > EXPRESSION_SIZE_MAX)
                return tree_fail(t, 0, EXPRESSION_INVALID, "longer than 4096 bytes");
        if (!utf8_is_valid(text, n)) {
                t->text = "";
                return tree_fail(t, 0, EXPRESSION_INVALID, "not UTF-8 text");
        }
        r = parse_sum(&p, &root);
        if (r < 0)
                return r;
        skip_space(&p);
        if (p.at < n)
                return invalid(&p, "an operator is wanted here");
        return 0;
}

void tree_done(struct tree *t)
{
        for (uint32_t i = 0; i < t->n_nodes; i++) {
                if (t->nodes[i].is_exact)
                        mpq_clear(t->nodes[i].exact);
                if (t->nodes[i].is_real)
                        mpfr_clears(t->nodes[i].low, t->nodes[i].high, (mpfr_ptr)0);
        }
        free(t->nodes);
        t->nodes = NULL;
        t->n_nodes = 0;
}
