/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */

/* Proofs that something is zero: "sqrt(2)*sqrt(2)-2", of which every interval, however narrow, only says that
 * it may be.
 *
 * What is made of rational numbers by + - * / ^ and square roots is U / L, where U and L are algebraic
 * integers of a degree of at most D = 2^(number of roots), where one that is a rational multiple of another,
 * sqrt(8) beside sqrt(2), does not count: it lies in the same field.  If U is not zero, the product of its
 * conjugates is a whole number other than zero; so if none of them is larger than u, U itself is not smaller
 * than u^(1-D), and the value not smaller than u^(1-D) / l, where l bounds the conjugates of L.  A value that
 * is closer to zero than that is zero.
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
/* Roots of larger numbers are the same only when those are: looking closer is to cost nothing. */
#define RADICAND_BITS_MAX 256

struct fields {
        uint32_t first[64]; /* the node of the square root that adds it */
        unsigned n;
};

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
                .roots = a.roots | b.roots,
        };
}

static struct algebraic product(struct algebraic a, uint64_t b_over_bits, uint64_t b_under_bits,
                                uint64_t b_roots)
{
        return (struct algebraic){
                .is_known = true,
                .over_bits = a.over_bits + b_over_bits,
                .under_bits = a.under_bits + b_under_bits,
                .roots = a.roots | b_roots,
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
                .roots = a.roots,
        };
}

/* sqrt(U / L) is sqrt(U L) / L, and U / sqrt(U L): the smaller of the two. */
static struct algebraic square_root(struct algebraic a, uint64_t field)
{
        uint64_t middle = (a.over_bits + a.under_bits + 1) / 2;
        bool is_large = a.over_bits >= a.under_bits;

        return (struct algebraic){
                .is_known = true,
                .over_bits = is_large ? middle : a.over_bits,
                .under_bits = is_large ? a.under_bits : middle,
                .roots = a.roots | field,
        };
}

/* Is sqrt(a) a rational multiple of sqrt(b), which is so when a b is a square? */
static bool is_same_field(const struct node *a, const struct node *b)
{
        bool is_square;
        mpz_t product;

        if (!a->is_exact || !b->is_exact)
                return false;
        if (mpq_equal(a->exact, b->exact))
                return true;
        if (node_bits(a) > RADICAND_BITS_MAX || node_bits(b) > RADICAND_BITS_MAX)
                return false;
        mpz_init(product);
        mpz_mul(product, mpq_numref(a->exact), mpq_denref(a->exact));
        mpz_mul(product, product, mpq_numref(b->exact));
        mpz_mul(product, product, mpq_denref(b->exact));
        is_square = mpz_perfect_square_p(product) != 0;
        mpz_clear(product);
        return is_square;
}

/* The bit of a square root's field; 0: there are too many. */
static uint64_t find_field(struct fields *f, const struct tree *t, const struct node *root)
{
        for (unsigned i = 0; i < f->n; i++)
                if (is_same_field(&t->nodes[t->nodes[f->first[i]].left], &t->nodes[root->left]))
                        return UINT64_C(1) << i;
        if (f->n == ARRAY_SIZE(f->first))
                return 0;
        f->first[f->n] = (uint32_t)(root - t->nodes);
        return UINT64_C(1) << f->n++;
}

static struct algebraic bound_root(const struct tree *t, const struct node *node, struct fields *fields)
{
        struct algebraic a = t->nodes[node->left].algebraic;
        uint64_t field = a.is_known ? find_field(fields, t, node) : 0;

        return field ? square_root(a, field) : unknown;
}

static struct algebraic combine(const struct tree *t, const struct node *node, struct fields *fields)
{
        const struct node *left = &t->nodes[node->left], *right = &t->nodes[node->right];
        struct algebraic a = left->algebraic, b = right->algebraic;

        switch (node->kind) {
        case NODE_NEGATE:
                return a;
        case NODE_SQRT:
                return bound_root(t, node, fields);
        case NODE_POWER:
                return a.is_known ? power(a, mpq_numref(right->exact)) : unknown;
        case NODE_ADD:
        case NODE_SUBTRACT:
                return a.is_known && b.is_known ? sum(a, b) : unknown;
        case NODE_MULTIPLY:
                return a.is_known && b.is_known ? product(a, b.over_bits, b.under_bits, b.roots) : unknown;
        case NODE_DIVIDE:
                return a.is_known && b.is_known ? product(a, b.under_bits, b.over_bits, b.roots) : unknown;
        default:
                return unknown;
        }
}

static unsigned count_roots(struct algebraic a)
{
        return (unsigned)__builtin_popcountll(a.roots);
}

static bool is_useful(struct algebraic a)
{
        return a.is_known && count_roots(a) <= ROOTS_MAX && a.over_bits <= BOUND_MAX &&
               a.under_bits <= BOUND_MAX;
}

void tree_bound_zeros(struct tree *t)
{
        struct fields fields = {.n = 0};

        for (uint32_t i = 0; i < t->n_nodes; i++) {
                struct node *node = &t->nodes[i];

                node->algebraic = node->is_exact ? rational(node) : combine(t, node, &fields);
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
        bits = ((UINT64_C(1) << count_roots(a)) - 1) * a.over_bits + a.under_bits;
        if (bits > BOUND_MAX || !is_below(node->low, bits) || !is_below(node->high, bits))
                return;
        mpfr_set_zero(node->low, 1);
        mpfr_set_zero(node->high, 1);
}
