/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */
#pragma once

/* An expression as a list of nodes, operands before what uses them, so that evaluation is a loop.  Private to
 * arithmetic/. */

#include <gmp.h>
#include <mpfr.h>
#include <stdint.h>

#include "arithmetic/expression.h"

enum node_kind {
        NODE_NUMBER,
        NODE_NEGATE,
        NODE_ADD,
        NODE_SUBTRACT,
        NODE_MULTIPLY,
        NODE_DIVIDE,
        NODE_POWER,
        NODE_SQRT,
        NODE_LN,
        NODE_EXP,
        NODE_LOG10,
};

/* A fraction of algebraic integers, expression_zero.c: bounds of their conjugates and of their degree. */
struct algebraic {
        bool is_known;
        uint64_t over_bits, under_bits; /* binary logarithms, rounded up */
        uint64_t roots;                 /* that are in it: a bit for each field that one adds */
};

struct node {
        enum node_kind kind;
        uint32_t left, right;   /* operands; a function or sign has `left` alone */
        uint32_t at, size;      /* in the text: the operator, name or number */
        bool is_exact, is_real; /* which of these is set */
        mpq_t exact;
        mpfr_t low, high; /* the true value lies between them */
        struct algebraic algebraic;
};

struct tree {
        const char *text;
        size_t text_size;
        struct node *nodes; /* owned; the last is the root */
        uint32_t n_nodes, capacity;
        struct expression_error *error; /* borrowed */
        uint64_t steps;                 /* spent */
        usec_t until_usec;              /* of the thread's processor clock */
};

/* Outcomes of a step besides 0 and -ENOMEM. */
#define TREE_UNDECIDED 1 /* the interval is too wide to tell: again, with more precision */

/* 0; -EBADMSG; -ENOMEM. */
int tree_parse(struct tree *t, const char *text, size_t n, struct expression_error *error);
void tree_done(struct tree *t);
/* Fills the error: -EBADMSG. */
int tree_fail(struct tree *t, size_t at, enum expression_fault fault, const char *detail);

/* Counts a step on numbers of so many bits that costs about `weight` multiplications. 0 or -EBADMSG: too much
 * work. */
int tree_spend(struct tree *t, const struct node *node, size_t bits, unsigned weight);

/* Makes exact whatever can be. */
int tree_evaluate_exact(struct tree *t);
/* Once all that can be exact is: prepares for node_prove_zero(). */
void tree_bound_zeros(struct tree *t);
/* Makes an interval that must hold nothing but zero zero. */
void node_prove_zero(struct node *node);
/* Encloses the rest. 0; TREE_UNDECIDED with the node; -EBADMSG. */
int tree_evaluate_real(struct tree *t, mpfr_prec_t precision, const struct node **ret_undecided);

size_t node_bits(const struct node *node);

/* Significant decimal digits of an exact number. 0 or -ENOMEM. */
int format_exact(mpq_srcptr number, unsigned digits, char **ret_value, bool *ret_is_exact);
/* 0; TREE_UNDECIDED: the ends differ; -ENOMEM. */
int format_real(mpfr_srcptr low, mpfr_srcptr high, unsigned digits, char **ret_value);
