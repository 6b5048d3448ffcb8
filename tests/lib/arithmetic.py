# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: Lonja contributors
"""Random expressions and what they are worth, by Python's fractions and decimal and by mpmath: an arithmetic that
shares nothing with the calculator's."""

import decimal
import math
import sys
from fractions import Fraction

import mpmath

PRECISION = 3000  # bits; far beyond the digits compared, so that its own rounding never shows
EDGE = 60000  # bits: beyond it numbers come close to the calculator's limit, and are not used
FUNCTIONS = ("sqrt", "ln", "exp", "log10")

if hasattr(sys, "set_int_max_str_digits"):
    sys.set_int_max_str_digits(0)


class Refused(Exception):
    """A typed error: division-by-zero or bad-operand."""


class Unfit(Exception):
    """Too close to a limit to say what is right."""


def number(random):
    return random.choice((
        lambda: str(random.randrange(20)),
        lambda: f"{random.randrange(1000)}.{random.randrange(1000)}",
        lambda: f"{random.randrange(1, 99)}e{random.randrange(-20, 20)}",
        lambda: f".{random.randrange(1, 999)}",
        lambda: str(random.randrange(10 ** random.randrange(1, 40))),
    ))()


def expression(random, depth):
    """(text, tree)"""
    if depth == 0 or random.random() < 0.15:
        text = number(random)
        return text, ("number", text)
    kind = random.randrange(10)
    text, tree = expression(random, depth - 1)
    if kind < 6:
        operator = random.choice("+-*/")
        right, right_tree = expression(random, depth - 1)
        return f"({text} {operator} {right})", (operator, tree, right_tree)
    if kind == 6:
        exponent = random.randrange(-6, 9)
        return f"({text})^{exponent}", ("^", tree, exponent)
    if kind == 7:
        return f"(-{text})", ("negate", tree)
    function = random.choice(FUNCTIONS)
    return f"{function}({text})", (function, tree)


def real(value):
    return mpmath.mpf(value.numerator) / value.denominator if isinstance(value, Fraction) else value


def is_exact(*values):
    return all(isinstance(v, Fraction) for v in values)


def square_root(n):
    root = math.isqrt(n)
    return root if root * root == n else None


def apply_function(name, a):
    if name == "sqrt":
        if a < 0:
            raise Refused("bad-operand")
        if is_exact(a):
            roots = square_root(a.numerator), square_root(a.denominator)
            if None not in roots:
                return Fraction(*roots)
        return mpmath.sqrt(real(a))
    if name == "exp":
        if is_exact(a) and a == 0:
            return Fraction(1)
        if abs(a) > 40000:
            raise Unfit
        return mpmath.exp(real(a))
    if a <= 0:
        raise Refused("bad-operand")
    if name == "ln":
        return Fraction(0) if is_exact(a) and a == 1 else mpmath.log(real(a))
    if is_exact(a):
        for one, other, sign in ((a.denominator, a.numerator, 1), (a.numerator, a.denominator, -1)):
            text = str(other)
            if one == 1 and text == "1" + "0" * (len(text) - 1):
                return Fraction(sign * (len(text) - 1))
    return mpmath.log10(real(a))


def apply_operator(operator, a, b):
    if operator == "/" and b == 0:
        raise Refused("division-by-zero")
    if not is_exact(a, b):
        a, b = real(a), real(b)
    return {"+": lambda: a + b, "-": lambda: a - b, "*": lambda: a * b, "/": lambda: a / b}[operator]()


def check_size(value):
    if isinstance(value, Fraction):
        if max(value.numerator.bit_length(), value.denominator.bit_length()) > EDGE:
            raise Unfit
    elif value == 0 or abs(mpmath.frexp(value)[1]) > EDGE:
        raise Unfit  # a difference that only looks like zero, too
    return value


def evaluate(tree):
    kind = tree[0]
    if kind == "number":
        return Fraction(decimal.Decimal(tree[1]))
    a = evaluate(tree[1])
    if kind == "negate":
        return -a
    if kind == "^":
        if a == 0 and tree[2] < 0:
            raise Refused("division-by-zero")
        value = a ** tree[2]
    elif kind in FUNCTIONS:
        value = apply_function(kind, a)
    else:
        value = apply_operator(kind, a, evaluate(tree[2]))
    return check_size(value)


def rounded(value, digits):
    """What the calculator should show: value as a Decimal, exact, fraction."""
    context = decimal.Context(prec=digits, rounding=decimal.ROUND_HALF_EVEN, Emax=10**9, Emin=-(10**9))
    if isinstance(value, Fraction):
        shown = context.divide(decimal.Decimal(value.numerator), decimal.Decimal(value.denominator))
        return shown, not context.flags[decimal.Inexact], str(value)
    return context.plus(decimal.Decimal(mpmath.nstr(value, digits + 200, strip_zeros=False))), False, None


class Case:
    def __init__(self, random):
        with mpmath.workprec(PRECISION):
            while True:
                self.text, tree = expression(random, random.randrange(1, 5))
                self.digits = random.choice((34, 34, 34, 1, 5, 50, 100))
                try:
                    self.expected, self.refused = rounded(evaluate(tree), self.digits), None
                    return
                except Refused as e:
                    self.expected, self.refused = None, str(e)
                    return
                except Unfit:
                    pass

    def check(self, state, result, slug):
        """`result` as REST has it."""
        what = f"{self.text} to {self.digits} digits: {state} {result} {slug}, expected {self.expected} {self.refused}"
        if self.refused:
            # One of several errors may be found first.
            assert state == "failed" and slug in ("division-by-zero", "bad-operand", "result-too-large", "undecided"), what
            return
        assert state == "done", what
        value, exact, fraction = self.expected
        assert decimal.Decimal(result["value"]) == value, what
        assert result["exact"] == exact and result["fraction"] == fraction, what
