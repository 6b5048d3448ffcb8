/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */

/* The irrational part: intervals of MPFR numbers, every end rounded outwards. */

#include <errno.h>

#include "arithmetic/expression_tree.h"
#include "base/macro.h"

struct interval {
        mpfr_ptr low, high;
};

/* In products of the precision's size, measured. */
enum { WEIGHT_BASIC = 32, WEIGHT_POWER = 400, WEIGHT_FUNCTION = 2000, WEIGHT_ENCLOSE = 4 };

static struct interval interval_of(struct node *node)
{
        return (struct interval){node->low, node->high};
}

static void enclose(struct interval out, mpq_srcptr number)
{
        (void)mpfr_set_q(out.low, number, MPFR_RNDD);
        (void)mpfr_set_q(out.high, number, MPFR_RNDU);
}

static bool holds_zero(struct interval i)
{
        return mpfr_sgn(i.low) <= 0 && mpfr_sgn(i.high) >= 0;
}

static bool is_zero(struct interval i)
{
        return mpfr_zero_p(i.low) && mpfr_zero_p(i.high);
}

typedef int (*binary_fn)(mpfr_ptr out, mpfr_srcptr a, mpfr_srcptr b, mpfr_rnd_t round);

/* Of a product or quotient: the smallest and the largest of those of the ends. */
static void combine_ends(struct interval out, struct interval a, struct interval b, binary_fn apply,
                         mpfr_ptr scratch)
{
        mpfr_srcptr as[2] = {a.low, a.high}, bs[2] = {b.low, b.high};

        for (unsigned i = 0; i < 4; i++) {
                (void)apply(scratch, as[i & 1], bs[i >> 1], MPFR_RNDD);
                if (i == 0 || mpfr_less_p(scratch, out.low))
                        (void)mpfr_set(out.low, scratch, MPFR_RNDD);
                (void)apply(scratch, as[i & 1], bs[i >> 1], MPFR_RNDU);
                if (i == 0 || mpfr_greater_p(scratch, out.high))
                        (void)mpfr_set(out.high, scratch, MPFR_RNDU);
        }
}

static int divide(struct tree *t, struct node *node, struct interval out, struct interval a,
                  struct interval b, mpfr_ptr scratch)
{
        if (is_zero(b))
                return tree_fail(t, node->at, EXPRESSION_DIVISION_BY_ZERO, "division by zero");
        if (holds_zero(b))
                return TREE_UNDECIDED;
        combine_ends(out, a, b, mpfr_div, scratch);
        return 0;
}

static int raise_to(struct tree *t, struct node *node, struct interval out, struct interval a, mpz_srcptr n)
{
        bool is_negative = mpfr_sgn(a.high) < 0, falls;
        mpfr_srcptr low = a.low, high = a.high;

        if (mpz_sgn(n) == 0) {
                (void)mpfr_set_ui(out.low, 1, MPFR_RNDD);
                (void)mpfr_set_ui(out.high, 1, MPFR_RNDU);
                return 0;
        }
        if (is_zero(a) && mpz_sgn(n) < 0)
                return tree_fail(t, node->at, EXPRESSION_DIVISION_BY_ZERO, "division by zero");
        if (!is_zero(a) && holds_zero(a))
                return TREE_UNDECIDED;
        if (mpz_cmpabs_ui(n, INT32_MAX) > 0)
                return tree_fail(t, node->at, EXPRESSION_TOO_LARGE, "the exponent is beyond 2^31");
        /* On one side of zero a power rises or falls throughout. */
        falls = (mpz_sgn(n) < 0) != (is_negative && mpz_even_p(n));
        if (falls) {
                low = a.high;
                high = a.low;
        }
        (void)mpfr_pow_si(out.low, low, mpz_get_si(n), MPFR_RNDD);
        (void)mpfr_pow_si(out.high, high, mpz_get_si(n), MPFR_RNDU);
        return 0;
}

/* sqrt, ln and log10 of an interval, all rising; `limit` is what the operand must not fall below. */
static int apply_rising(struct tree *t, struct node *node, struct interval out, struct interval a,
                        int (*apply)(mpfr_ptr out, mpfr_srcptr a, mpfr_rnd_t round), bool needs_positive,
                        const char *complaint)
{
        if (mpfr_sgn(a.high) < 0 || (needs_positive && is_zero(a)))
                return tree_fail(t, node->at, EXPRESSION_BAD_OPERAND, complaint);
        if (mpfr_sgn(a.low) < 0 || (needs_positive && mpfr_sgn(a.low) == 0))
                return TREE_UNDECIDED;
        (void)apply(out.low, a.low, MPFR_RNDD);
        (void)apply(out.high, a.high, MPFR_RNDU);
        return 0;
}

/* A logarithm of a rational number close to 1 loses digits unless the distance is taken exactly. */
static void logarithm_near_one(struct interval out, mpq_srcptr number, bool is_decimal)
{
        mpq_t distance;
        mpfr_t ten[2];

        mpq_init(distance);
        mpz_sub(mpq_numref(distance), mpq_numref(number), mpq_denref(number));
        mpz_set(mpq_denref(distance), mpq_denref(number));
        mpfr_inits2(mpfr_get_prec(out.low), ten[0], ten[1], (mpfr_ptr)0);
        enclose(out, distance);
        (void)mpfr_log1p(out.low, out.low, MPFR_RNDD);
        (void)mpfr_log1p(out.high, out.high, MPFR_RNDU);
        if (is_decimal) {
                bool is_negative = mpfr_sgn(out.low) < 0;

                (void)mpfr_set_ui(ten[0], 10, MPFR_RNDN);
                (void)mpfr_log(ten[1], ten[0], MPFR_RNDU);
                (void)mpfr_log(ten[0], ten[0], MPFR_RNDD);
                (void)mpfr_div(out.low, out.low, ten[!is_negative], MPFR_RNDD);
                (void)mpfr_div(out.high, out.high, ten[is_negative], MPFR_RNDU);
        }
        mpfr_clears(ten[0], ten[1], (mpfr_ptr)0);
        mpq_clear(distance);
}

static bool is_near_one(const struct node *a)
{
        return a->is_exact && mpq_cmp_ui(a->exact, 1, 2) > 0 && mpq_cmp_ui(a->exact, 2, 1) < 0;
}

static int logarithm(struct tree *t, struct node *node, struct interval out, const struct node *operand,
                     struct interval a)
{
        bool is_decimal = node->kind == NODE_LOG10;

        if (is_near_one(operand)) {
                logarithm_near_one(out, operand->exact, is_decimal);
                return 0;
        }
        return apply_rising(t, node, out, a, is_decimal ? mpfr_log10 : mpfr_log, true,
                            "the logarithm of a number that is not positive");
}

/* Nothing leaves the range, so that no later step meets an infinity or unbounded work. */
static int check_range(struct tree *t, const struct node *node, struct interval i)
{
        mpfr_srcptr ends[2] = {i.low, i.high};

        for (unsigned k = 0; k < 2; k++) {
                if (mpfr_zero_p(ends[k]))
                        continue;
                if (!mpfr_number_p(ends[k]) || mpfr_get_exp(ends[k]) > EXPRESSION_BITS_MAX)
                        return tree_fail(t, node->at, EXPRESSION_TOO_LARGE,
                                         "the result has more than 65536 bits");
                if (mpfr_get_exp(ends[k]) < -EXPRESSION_BITS_MAX && !holds_zero(i))
                        return tree_fail(t, node->at, EXPRESSION_TOO_LARGE,
                                         "the result is closer to zero than 2^-65536");
        }
        return 0;
}

static unsigned weight_of(enum node_kind kind)
{
        switch (kind) {
        case NODE_LN:
        case NODE_LOG10:
        case NODE_EXP:
                return WEIGHT_FUNCTION;
        case NODE_POWER:
                return WEIGHT_POWER;
        default:
                return WEIGHT_BASIC;
        }
}

static int apply(struct tree *t, struct node *node, struct interval out, struct interval a, struct interval b,
                 mpfr_ptr scratch)
{
        const struct node *left = &t->nodes[node->left], *right = &t->nodes[node->right];

        switch (node->kind) {
        case NODE_NEGATE:
                (void)mpfr_neg(out.low, a.high, MPFR_RNDD);
                (void)mpfr_neg(out.high, a.low, MPFR_RNDU);
                return 0;
        case NODE_ADD:
                (void)mpfr_add(out.low, a.low, b.low, MPFR_RNDD);
                (void)mpfr_add(out.high, a.high, b.high, MPFR_RNDU);
                return 0;
        case NODE_SUBTRACT:
                (void)mpfr_sub(out.low, a.low, b.high, MPFR_RNDD);
                (void)mpfr_sub(out.high, a.high, b.low, MPFR_RNDU);
                return 0;
        case NODE_MULTIPLY:
                combine_ends(out, a, b, mpfr_mul, scratch);
                return 0;
        case NODE_DIVIDE:
                return divide(t, node, out, a, b, scratch);
        case NODE_POWER:
                return raise_to(t, node, out, a, mpq_numref(right->exact));
        case NODE_SQRT:
                return apply_rising(t, node, out, a, mpfr_sqrt, false,
                                    "the square root of a negative number");
        case NODE_EXP:
                (void)mpfr_exp(out.low, a.low, MPFR_RNDD);
                (void)mpfr_exp(out.high, a.high, MPFR_RNDU);
                return 0;
        case NODE_LN:
        case NODE_LOG10:
                return logarithm(t, node, out, left, a);
        case NODE_NUMBER: /* exact */
                break;
        }
        return 0;
}

static bool is_binary(enum node_kind kind)
{
        return kind == NODE_ADD || kind == NODE_SUBTRACT || kind == NODE_MULTIPLY || kind == NODE_DIVIDE;
}

struct scratch {
        mpfr_t a[2], b[2], product;
};

static struct interval operand_interval(struct node *node, mpfr_t room[2])
{
        struct interval i = {room[0], room[1]};

        if (!node->is_exact)
                return interval_of(node);
        enclose(i, node->exact);
        return i;
}

static int evaluate_node(struct tree *t, struct node *node, struct scratch *scratch, mpfr_prec_t precision)
{
        struct node *left = &t->nodes[node->left], *right = &t->nodes[node->right];
        struct interval a, b = {NULL};
        int r;

        r = tree_spend(t, node, (size_t)precision, weight_of(node->kind));
        if (r == 0 && left->is_exact)
                r = tree_spend(t, node, node_bits(left), WEIGHT_ENCLOSE);
        if (r == 0 && is_binary(node->kind) && right->is_exact)
                r = tree_spend(t, node, node_bits(right), WEIGHT_ENCLOSE);
        if (r < 0)
                return r;
        if (node->is_real) {
                mpfr_set_prec(node->low, precision);
                mpfr_set_prec(node->high, precision);
        } else {
                mpfr_inits2(precision, node->low, node->high, (mpfr_ptr)0);
                node->is_real = true;
        }
        a = operand_interval(left, scratch->a);
        if (is_binary(node->kind))
                b = operand_interval(right, scratch->b);
        r = apply(t, node, interval_of(node), a, b, scratch->product);
        if (r != 0)
                return r;
        node_prove_zero(node);
        return check_range(t, node, interval_of(node));
}

int tree_evaluate_real(struct tree *t, mpfr_prec_t precision, const struct node **ret_undecided)
{
        struct scratch scratch;
        int r = 0;

        mpfr_inits2(precision, scratch.a[0], scratch.a[1], scratch.b[0], scratch.b[1], scratch.product,
                    (mpfr_ptr)0);
        for (uint32_t i = 0; r == 0 && i < t->n_nodes; i++) {
                if (t->nodes[i].is_exact)
                        continue;
                r = evaluate_node(t, &t->nodes[i], &scratch, precision);
                if (r == TREE_UNDECIDED)
                        *ret_undecided = &t->nodes[i];
        }
        mpfr_clears(scratch.a[0], scratch.a[1], scratch.b[0], scratch.b[1], scratch.product, (mpfr_ptr)0);
        return r;
}
