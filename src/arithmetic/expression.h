/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */
#pragma once

/* Exact arithmetic on text: "(2+3)*4/7", "sqrt(2) ^ 3", "1e-3 * ln(10)".  Pure; fuzzed.
 *
 *     sum     = product *( ("+" | "-") product )
 *     product = signed *( ("*" | "/") signed )
 *     signed  = *( "-" | "+" ) power                       -2^2 is -4
 *     power   = primary [ "^" signed ]                     2^3^2 is 2^9
 *     primary = number | "(" sum ")" | name "(" sum [ "," sum ] ")"
 *     number  = digits [ "." [ digits ] ] [ "e" [ sign ] digits ] | "." digits ...
 *     name    = sqrt | ln | exp | log10 | power
 *
 * "−", "×" and "÷" are the same as "-", "*" and "/".  An exponent is a whole number.
 *
 * Rational parts are computed exactly.  What is irrational is enclosed in an interval that is narrowed until
 * both ends round to the same digits, so the digits shown are those of the true value, whatever the
 * expression is made of.  An interval alone never tells that something is zero: where some square roots are
 * all that is irrational this is proved otherwise.  What then is left, "ln(2) + ln(3) - ln(6)", is an error
 * and no guess.
 *
 * Work is bounded by sizes and by a count of estimated steps, both independent of the machine, so that the
 * same text has the same outcome everywhere; the clock is only the last guard.  Memory is bounded by the
 * sizes, which are checked before each step: GMP would abort the process if it could not have what it wants.
 */

#include <stdbool.h>
#include <stddef.h>

#include "base/clock.h"

#define EXPRESSION_SIZE_MAX 4096 /* bytes: longer than anybody types, and work grows with it */
#define EXPRESSION_DEPTH_MAX 100 /* nested parentheses, signs and powers */
#define EXPRESSION_DIGITS_DEFAULT 34
#define EXPRESSION_DIGITS_MAX 1000
/* Of a numerator or denominator, and the binary exponent of a real: some 19,700 decimal digits. */
#define EXPRESSION_BITS_MAX 65536

enum expression_fault {
        EXPRESSION_INVALID, /* not an expression */
        EXPRESSION_DIVISION_BY_ZERO,
        EXPRESSION_BAD_OPERAND, /* outside of the function's domain */
        EXPRESSION_TOO_LARGE,   /* the number, or the work to find it */
        EXPRESSION_UNDECIDED,   /* it may be zero, or half way between two roundings */
};

struct expression_error {
        enum expression_fault fault;
        unsigned position; /* of the offending part: characters, from 1 */
        char detail[120];
};

struct expression_result {
        char *value;    /* owned: "2.5", "-0.001", "1.5e+40", at most `digits` significant digits */
        char *fraction; /* owned: "20/7" in lowest terms, "3"; NULL for what was enclosed */
        bool is_exact;  /* `value` is the number itself, not rounded */
};

/* Is it one? 0; -EBADMSG with `error`; -ENOMEM. */
int expression_check(const char *text, size_t n, struct expression_error *error);
/* digits 1..EXPRESSION_DIGITS_MAX, rounded half to even. 0; -EBADMSG with `error`; -ENOMEM. `work_usec` is of
 * this thread's processor time. */
int expression_evaluate(const char *text, size_t n, unsigned digits, usec_t work_usec,
                        struct expression_result *ret, struct expression_error *error);
void expression_result_done(struct expression_result *r);
/* "division-by-zero" and so on; "invalid-expression" for what is none. */
const char *expression_fault_slug(enum expression_fault fault);

/* Gives back what MPFR keeps for this thread. */
void expression_thread_done(void);
