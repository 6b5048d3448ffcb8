/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */

#include <errno.h>
#include <gmp.h>
#include <stdlib.h>

#include "arithmetic/expression_tree.h"

/* A step is about a nanosecond of a machine of 2020: a quarter of a second. */
#define STEPS_MAX UINT64_C(250000000)
/* Beyond the digits wanted: enough that one round decides nearly always. */
#define GUARD_BITS 64
/* An interval that is not narrow enough at this precision is given up. */
#define PRECISION_MAX 16384

int tree_spend(struct tree *t, const struct node *node, size_t bits, unsigned weight)
{
        uint64_t words = bits / 64 + 4; /* a call costs something even with small numbers */

        /* Between linear and quadratic, as multiplication is at these sizes. */
        t->steps += words * (words + 32) / 32 * weight;
        if (t->steps > STEPS_MAX || clock_thread_usec() > t->until_usec)
                return tree_fail(t, node->at, EXPRESSION_TOO_LARGE, "too much work");
        return 0;
}

static int give_up(struct tree *t, const struct node *node)
{
        return tree_fail(
                t, node->at, EXPRESSION_UNDECIDED,
                "so close to zero, or to the middle of two roundings, that its digits cannot be told");
}

/* Narrower and narrower, until the digits are certain; or exact after all, then without a value. */
static int evaluate_real(struct tree *t, unsigned digits, char **ret_value)
{
        struct node *root = &t->nodes[t->n_nodes - 1];
        const struct node *undecided = root;
        mpfr_prec_t precision = (mpfr_prec_t)digits * 10 / 3 + GUARD_BITS;
        int r = TREE_UNDECIDED;

        tree_bound_zeros(t);
        for (; r == TREE_UNDECIDED && precision <= PRECISION_MAX; precision *= 2) {
                undecided = root;
                r = tree_evaluate_real(t, precision, &undecided);
                if (r == 0)
                        r = tree_spend(t, root, (size_t)precision, 8);
                if (r == 0 && mpfr_zero_p(root->low) && mpfr_zero_p(root->high)) {
                        mpq_init(root->exact); /* zero */
                        root->is_exact = true;
                        return 0;
                }
                if (r == 0)
                        r = format_real(root->low, root->high, digits, ret_value);
        }
        return r == TREE_UNDECIDED ? give_up(t, undecided) : r;
}

static int evaluate_root(struct tree *t, unsigned digits, struct expression_result *ret)
{
        const struct node *root = &t->nodes[t->n_nodes - 1];
        int r;

        if (!root->is_exact) {
                r = evaluate_real(t, digits, &ret->value);
                if (r < 0 || !root->is_exact)
                        return r;
        }
        r = tree_spend(t, root, node_bits(root) + (size_t)digits * 4, 8);
        if (r < 0)
                return r;
        r = format_exact(root->exact, digits, &ret->value, &ret->is_exact);
        if (r < 0)
                return r;
        ret->fraction = mpq_get_str(NULL, 10, root->exact);
        return ret->fraction ? 0 : -ENOMEM;
}

int expression_check(const char *text, size_t n, struct expression_error *error)
{
        struct tree t;
        int r = tree_parse(&t, text, n, error);

        tree_done(&t);
        return r;
}

int expression_evaluate(const char *text, size_t n, unsigned digits, usec_t work_usec,
                        struct expression_result *ret, struct expression_error *error)
{
        struct expression_result result = {NULL};
        struct tree t;
        int r;

        r = tree_parse(&t, text, n, error);
        t.until_usec = usec_add(clock_thread_usec(), work_usec);
        if (r == 0)
                r = tree_evaluate_exact(&t);
        if (r == 0)
                r = evaluate_root(&t, digits, &result);
        tree_done(&t);
        if (r == 0)
                *ret = result;
        else
                expression_result_done(&result);
        return r;
}

void expression_result_done(struct expression_result *r)
{
        free(r->value);
        free(r->fraction);
        *r = (struct expression_result){NULL};
}

const char *expression_fault_slug(enum expression_fault fault)
{
        switch (fault) {
        case EXPRESSION_INVALID:
                return "invalid-expression";
        case EXPRESSION_DIVISION_BY_ZERO:
                return "division-by-zero";
        case EXPRESSION_BAD_OPERAND:
                return "bad-operand";
        case EXPRESSION_TOO_LARGE:
                return "result-too-large";
        case EXPRESSION_UNDECIDED:
                return "undecided";
        }
        return "invalid-expression";
}

void expression_thread_done(void)
{
        mpfr_free_cache();
}
