/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */

/* The rational part.  A node stays inexact when an operand is, or when its value is irrational. */

#include <errno.h>
#include <stdlib.h>

#include "arithmetic/expression_tree.h"
#include "base/macro.h"

/* Beyond it every number that is not zero has too many bits: 10^20000 has 66,439. */
#define DECIMAL_EXPONENT_MAX 20000

size_t node_bits(const struct node *node)
{
        size_t num = mpz_sizeinbase(mpq_numref(node->exact), 2);
        size_t den = mpz_sizeinbase(mpq_denref(node->exact), 2);

        return MAX_OF(num, den);
}

static int too_large(struct tree *t, const struct node *node)
{
        return tree_fail(t, node->at, EXPRESSION_TOO_LARGE, "the result has more than 65536 bits");
}

/* The value is in node->exact: keep it, if it may be so large. */
static int keep(struct tree *t, struct node *node)
{
        node->is_exact = true;
        return node_bits(node) > EXPRESSION_BITS_MAX ? too_large(t, node) : 0;
}

/* Its size was judged before by whoever calls. */
static void power_of_ten(mpz_ptr out, unsigned long exponent)
{
        mpz_ui_pow_ui(out, 10, exponent);
}

/* The exponent of a literal, cut at what is too large anyway. */
static long read_exponent(const char *p, const char *end)
{
        bool is_negative = p < end && *p == '-';
        long exponent = 0;

        if (p < end && (*p == '-' || *p == '+'))
                p++;
        for (; p < end && exponent <= 10L * DECIMAL_EXPONENT_MAX; p++)
                exponent = exponent * 10 + (*p - '0');
        return is_negative ? -exponent : exponent;
}

static int evaluate_number(struct tree *t, struct node *node)
{
        const char *p = t->text + node->at, *end = p + node->size;
        char digits[EXPRESSION_SIZE_MAX + 1];
        size_t n = 0;
        long places = 0, exponent;
        bool after_point = false;
        mpz_t scale;
        int r;

        for (; p < end && *p != 'e' && *p != 'E'; p++) {
                if (*p == '.') {
                        after_point = true;
                        continue;
                }
                digits[n++] = *p;
                places += after_point;
        }
        digits[n] = '\0';
        exponent = (p < end ? read_exponent(p + 1, end) : 0) - places;
        mpq_init(node->exact);
        node->is_exact = true;
        (void)mpz_set_str(mpq_numref(node->exact), digits, 10); /* they are digits */
        if (mpq_sgn(node->exact) == 0)
                return 0;
        if (exponent > DECIMAL_EXPONENT_MAX || exponent < -DECIMAL_EXPONENT_MAX - (long)n)
                return too_large(t, node);
        r = tree_spend(t, node, EXPRESSION_BITS_MAX / DECIMAL_EXPONENT_MAX * (size_t)labs(exponent) + 4 * n,
                       4);
        if (r < 0)
                return r;
        mpz_init(scale);
        power_of_ten(scale, (unsigned long)labs(exponent));
        if (exponent > 0)
                mpz_mul(mpq_numref(node->exact), mpq_numref(node->exact), scale);
        else {
                mpz_set(mpq_denref(node->exact), scale);
                mpq_canonicalize(node->exact);
        }
        mpz_clear(scale);
        return keep(t, node);
}

static int divide_by_zero(struct tree *t, const struct node *node)
{
        return tree_fail(t, node->at, EXPRESSION_DIVISION_BY_ZERO, "division by zero");
}

static int evaluate_binary(struct tree *t, struct node *node, const struct node *a, const struct node *b)
{
        size_t a_bits = node_bits(a), b_bits = node_bits(b);
        int r;

        if (node->kind == NODE_DIVIDE && mpq_sgn(b->exact) == 0)
                return divide_by_zero(t, node);
        r = tree_spend(t, node, MAX_OF(a_bits, b_bits), 6);
        if (r < 0)
                return r;
        mpq_init(node->exact);
        if (node->kind == NODE_ADD)
                mpq_add(node->exact, a->exact, b->exact);
        else if (node->kind == NODE_SUBTRACT)
                mpq_sub(node->exact, a->exact, b->exact);
        else if (node->kind == NODE_MULTIPLY)
                mpq_mul(node->exact, a->exact, b->exact);
        else
                mpq_div(node->exact, a->exact, b->exact);
        return keep(t, node);
}

/* Powers of 0, 1 and -1, whose exponents may be as large as they like. 1: it is one of them. */
static int evaluate_trivial_power(struct tree *t, struct node *node, const struct node *base,
                                  mpz_srcptr exponent)
{
        bool is_zero = mpq_sgn(base->exact) == 0;

        if (mpz_sgn(exponent) != 0 && !is_zero && node_bits(base) > 1)
                return 0;
        if (is_zero && mpz_sgn(exponent) < 0)
                return divide_by_zero(t, node);
        mpq_init(node->exact);
        node->is_exact = true;
        if (!is_zero || mpz_sgn(exponent) == 0) /* 0^0 is 1 */
                mpq_set_si(node->exact, mpq_sgn(base->exact) < 0 && mpz_odd_p(exponent) ? -1 : 1, 1);
        return 1;
}

static int evaluate_power(struct tree *t, struct node *node, const struct node *base,
                          const struct node *exponent)
{
        mpz_srcptr n = mpq_numref(exponent->exact);
        unsigned long times;
        int r;

        r = evaluate_trivial_power(t, node, base, n);
        if (r != 0)
                return MIN_OF(r, 0);
        if (mpz_cmpabs_ui(n, EXPRESSION_BITS_MAX) > 0)
                return too_large(t, node);
        times = mpz_get_ui(n); /* of its absolute value */
        if ((node_bits(base) - 1) * times >= EXPRESSION_BITS_MAX)
                return too_large(t, node);
        /* Now the result has at most twice the bits that are allowed. */
        r = tree_spend(t, node, node_bits(base) * times, 2);
        if (r < 0)
                return r;
        mpq_init(node->exact);
        mpz_pow_ui(mpq_numref(node->exact), mpq_numref(base->exact), times);
        mpz_pow_ui(mpq_denref(node->exact), mpq_denref(base->exact), times);
        if (mpz_sgn(n) < 0)
                mpq_inv(node->exact, node->exact);
        return keep(t, node);
}

/* The root of a fraction in lowest terms is rational when numerator and denominator are squares. */
static int evaluate_sqrt(struct tree *t, struct node *node, const struct node *a)
{
        int r;

        if (mpq_sgn(a->exact) < 0)
                return tree_fail(t, node->at, EXPRESSION_BAD_OPERAND, "the square root of a negative number");
        r = tree_spend(t, node, node_bits(a), 4);
        if (r < 0)
                return r;
        if (!mpz_perfect_square_p(mpq_numref(a->exact)) || !mpz_perfect_square_p(mpq_denref(a->exact)))
                return 0;
        mpq_init(node->exact);
        mpz_sqrt(mpq_numref(node->exact), mpq_numref(a->exact));
        mpz_sqrt(mpq_denref(node->exact), mpq_denref(a->exact));
        return keep(t, node);
}

/* Is it 10^*ret? Such a number ends in as many binary zeros as in decimal ones. */
static bool is_power_of_ten(mpz_srcptr number, unsigned long *ret)
{
        unsigned long exponent = mpz_scan1(number, 0);
        bool is_equal;
        mpz_t power;

        /* 10^n has more than 3 n bits. */
        if (exponent * 3 > mpz_sizeinbase(number, 2))
                return false;
        mpz_init(power);
        power_of_ten(power, exponent);
        is_equal = mpz_cmp(power, number) == 0;
        mpz_clear(power);
        *ret = exponent;
        return is_equal;
}

static int evaluate_log10(struct tree *t, struct node *node, const struct node *a)
{
        bool is_whole = mpz_cmp_ui(mpq_denref(a->exact), 1) == 0;
        unsigned long exponent;
        int r;

        r = tree_spend(t, node, node_bits(a), 2);
        if (r < 0)
                return r;
        if (!is_whole && mpz_cmp_ui(mpq_numref(a->exact), 1) != 0)
                return 0;
        if (!is_power_of_ten(is_whole ? mpq_numref(a->exact) : mpq_denref(a->exact), &exponent))
                return 0;
        mpq_init(node->exact);
        mpq_set_si(node->exact, is_whole ? (long)exponent : -(long)exponent, 1);
        return keep(t, node);
}

static int evaluate_logarithm(struct tree *t, struct node *node, const struct node *a)
{
        if (mpq_sgn(a->exact) <= 0)
                return tree_fail(t, node->at, EXPRESSION_BAD_OPERAND,
                                 "the logarithm of a number that is not positive");
        if (node->kind == NODE_LOG10)
                return evaluate_log10(t, node, a);
        if (mpq_cmp_ui(a->exact, 1, 1) != 0)
                return 0;
        mpq_init(node->exact);
        return keep(t, node);
}

static int evaluate_exp(struct tree *t, struct node *node, const struct node *a)
{
        if (mpq_sgn(a->exact) != 0)
                return 0;
        mpq_init(node->exact);
        mpq_set_ui(node->exact, 1, 1);
        return keep(t, node);
}

/* The exponent must be known exactly, whatever the base is. */
static int check_exponent(struct tree *t, const struct node *exponent)
{
        if (!exponent->is_exact || mpz_cmp_ui(mpq_denref(exponent->exact), 1) != 0)
                return tree_fail(t, exponent->at, EXPRESSION_BAD_OPERAND,
                                 "an exponent must be a whole number");
        return 0;
}

static int evaluate_unary(struct tree *t, struct node *node, const struct node *a)
{
        switch (node->kind) {
        case NODE_SQRT:
                return evaluate_sqrt(t, node, a);
        case NODE_EXP:
                return evaluate_exp(t, node, a);
        case NODE_LN:
        case NODE_LOG10:
                return evaluate_logarithm(t, node, a);
        default:
                mpq_init(node->exact);
                mpq_neg(node->exact, a->exact);
                return keep(t, node);
        }
}

static int evaluate_node(struct tree *t, struct node *node)
{
        const struct node *a = &t->nodes[node->left], *b = &t->nodes[node->right];
        int r;

        switch (node->kind) {
        case NODE_NUMBER:
                return evaluate_number(t, node);
        case NODE_POWER:
                r = check_exponent(t, b);
                return r < 0 || !a->is_exact ? r : evaluate_power(t, node, a, b);
        case NODE_ADD:
        case NODE_SUBTRACT:
        case NODE_MULTIPLY:
        case NODE_DIVIDE:
                if (node->kind == NODE_DIVIDE && b->is_exact && mpq_sgn(b->exact) == 0)
                        return divide_by_zero(t, node);
                return a->is_exact && b->is_exact ? evaluate_binary(t, node, a, b) : 0;
        default:
                return a->is_exact ? evaluate_unary(t, node, a) : 0;
        }
}

int tree_evaluate_exact(struct tree *t)
{
        int r = 0;

        for (uint32_t i = 0; r == 0 && i < t->n_nodes; i++)
                r = evaluate_node(t, &t->nodes[i]);
        return r;
}
