/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */

/* Proofs that something is zero: "sqrt(2)*sqrt(2)-2", of which every interval, however narrow, only says that
 * it may be.
 *
 * What is made of rational numbers by + - * / ^ and square roots is U / L, where U and L are algebraic
 * integers of a degree of at most D = 2^(number of roots).  If U is not zero, the product of its conjugates
 * is a whole number other than zero; so if none of them is larger than u, U itself is not smaller than
 * u^(1-D), and the value not smaller than u^(1-D) / l, where l bounds the conjugates of L.  A value that is
 * closer to zero than that is zero.
 *
 * (Burnikel, Funke, Mehlhorn, Schirra, Schmitt: A separation bound for real algebraic expressions, 2001.)
 *
 * Of logarithms and exponentials nothing like it is known: what only looks like zero with them stays
 * undecided. */

#include "arithmetic/expression_tree.h"
#include "base/macro.h"

/* No interval is told apart from zero beyond this, nor does any bound help there. */
#define BOUND_MAX EXPRESSION_BITS_MAX
#define ROOTS_MAX 16 /* 2^ROOTS_MAX is beyond it */

static const struct algebraic unknown = {.is_known = false};

static struct algebraic rational(const struct node *node)
{
        mpz_srcptr under = mpq_denref(node->exact);

        return (struct algebraic){
                .is_known = true,
                .over_bits = mpz_sizeinbase(mpq_numref(node->exact), 2),
                .under_bits = mpz_cmp_ui(under, 1) == 0 ? 0 : mpz_sizeinbase(under, 2),
        };
}

static struct algebraic sum(struct algebraic a, struct algebraic b)
{
        return (struct algebraic){
                .is_known = true,
                .over_bits = MAX_OF(a.over_bits + b.under_bits, b.over_bits + a.under_bits) + 1,
                .under_bits = a.under_bits + b.under_bits,
                .n_roots = a.n_roots + b.n_roots,
        };
}

static struct algebraic product(struct algebraic a, uint64_t b_over_bits, uint64_t b_under_bits,
                                unsigned n_roots)
{
        return (struct algebraic){
                .is_known = true,
                .over_bits = a.over_bits + b_over_bits,
                .under_bits = a.under_bits + b_under_bits,
                .n_roots = a.n_roots + n_roots,
        };
}

static struct algebraic power(struct algebraic a, mpz_srcptr exponent)
{
        uint64_t times = mpz_get_ui(exponent); /* of its absolute value */
        bool is_inverse = mpz_sgn(exponent) < 0;

        if (mpz_cmpabs_ui(exponent, BOUND_MAX) > 0)
                return unknown;
        return (struct algebraic){
                .is_known = true,
                .over_bits = times * (is_inverse ? a.under_bits : a.over_bits),
                .under_bits = times * (is_inverse ? a.over_bits : a.under_bits),
                .n_roots = a.n_roots,
        };
}

/* sqrt(U / L) is sqrt(U L) / L, and U / sqrt(U L): the smaller of the two. */
static struct algebraic square_root(struct algebraic a)
{
        uint64_t middle = (a.over_bits + a.under_bits + 1) / 2;
        bool is_large = a.over_bits >= a.under_bits;

        return (struct algebraic){
                .is_known = true,
                .over_bits = is_large ? middle : a.over_bits,
                .under_bits = is_large ? a.under_bits : middle,
                .n_roots = a.n_roots + 1,
        };
}

static struct algebraic combine(const struct tree *t, const struct node *node)
{
        const struct node *left = &t->nodes[node->left], *right = &t->nodes[node->right];
        struct algebraic a = left->algebraic, b = right->algebraic;

        switch (node->kind) {
        case NODE_NEGATE:
                return a;
        case NODE_SQRT:
                return a.is_known ? square_root(a) : unknown;
        case NODE_POWER:
                return a.is_known ? power(a, mpq_numref(right->exact)) : unknown;
        case NODE_ADD:
        case NODE_SUBTRACT:
                return a.is_known && b.is_known ? sum(a, b) : unknown;
        case NODE_MULTIPLY:
                return a.is_known && b.is_known ? product(a, b.over_bits, b.under_bits, b.n_roots) : unknown;
        case NODE_DIVIDE:
                return a.is_known && b.is_known ? product(a, b.under_bits, b.over_bits, b.n_roots) : unknown;
        default:
                return unknown;
        }
}

static bool is_useful(struct algebraic a)
{
        return a.is_known && a.n_roots <= ROOTS_MAX && a.over_bits <= BOUND_MAX && a.under_bits <= BOUND_MAX;
}

void tree_bound_zeros(struct tree *t)
{
        for (uint32_t i = 0; i < t->n_nodes; i++) {
                struct node *node = &t->nodes[i];

                node->algebraic = node->is_exact ? rational(node) : combine(t, node);
                if (!is_useful(node->algebraic)) /* and so the sums above stay far below 2^64 */
                        node->algebraic = unknown;
        }
}

/* Is it certain that |end| < 2^-bits? */
static bool is_below(mpfr_srcptr end, uint64_t bits)
{
        return mpfr_zero_p(end) || mpfr_get_exp(end) <= -(mpfr_exp_t)bits;
}

void node_prove_zero(struct node *node)
{
        struct algebraic a = node->algebraic;
        uint64_t bits;

        if (!a.is_known || mpfr_sgn(node->low) > 0 || mpfr_sgn(node->high) < 0)
                return;
        bits = ((UINT64_C(1) << a.n_roots) - 1) * a.over_bits + a.under_bits;
        if (bits > BOUND_MAX || !is_below(node->low, bits) || !is_below(node->high, bits))
                return;
        mpfr_set_zero(node->low, 1);
        mpfr_set_zero(node->high, 1);
}
