/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */

/* Numbers as decimal text. */

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "arithmetic/expression_tree.h"
#include "base/buf.h"
#include "base/macro.h"

#define SMALLEST_PLAIN (-6) /* 0.000001 is written out, 0.0000001 is 1e-7 */

/* d.ddd * 10^exponent from its digits: written out where that takes no more zeros than digits were asked for.
 * Trailing zeros go. */
static int write_decimal(bool is_negative, const char *digits, size_t n, long exponent, unsigned wanted,
                         char **ret)
{
        struct buf out = BUF_EMPTY;

        while (n > 1 && digits[n - 1] == '0')
                n--;
        if (is_negative)
                buf_append_char(&out, '-');
        if (exponent < 0 && exponent >= SMALLEST_PLAIN) {
                buf_append_str(&out, "0.");
                for (long i = -1; i > exponent; i--)
                        buf_append_char(&out, '0');
                buf_append(&out, digits, n);
        } else if (exponent >= 0 && exponent < (long)wanted) {
                size_t whole = (size_t)exponent + 1;

                for (size_t i = 0; i < whole; i++)
                        buf_append_char(&out, i < n ? digits[i] : '0');
                if (n > whole) {
                        buf_append_char(&out, '.');
                        buf_append(&out, digits + whole, n - whole);
                }
        } else {
                buf_append_char(&out, digits[0]);
                if (n > 1) {
                        buf_append_char(&out, '.');
                        buf_append(&out, digits + 1, n - 1);
                }
                buf_printf(&out, "e%+ld", exponent);
        }
        *ret = buf_take(&out, NULL);
        return *ret ? 0 : -ENOMEM;
}

/* floor(log10(|number|)), or one off: from the sizes in bits. */
static long guess_exponent(mpq_srcptr number)
{
        long bits = (long)mpz_sizeinbase(mpq_numref(number), 2) - (long)mpz_sizeinbase(mpq_denref(number), 2);
        double estimate = (double)bits * 0.30102999566398120;

        return (long)estimate - (estimate < 0);
}

/* quotient + remainder / divisor = |number| * 10^(digits - 1 - exponent) */
static void scale(mpq_srcptr number, long shift, mpz_ptr quotient, mpz_ptr remainder, mpz_ptr divisor)
{
        mpz_ui_pow_ui(quotient, 10, (unsigned long)labs(shift));
        if (shift >= 0) {
                mpz_set(divisor, mpq_denref(number));
                mpz_mul(remainder, mpq_numref(number), quotient);
        } else {
                mpz_mul(divisor, mpq_denref(number), quotient);
                mpz_set(remainder, mpq_numref(number));
        }
        mpz_abs(remainder, remainder);
        mpz_tdiv_qr(quotient, remainder, remainder, divisor);
}

/* Half to even; tells whether nothing was lost. */
static bool round_quotient(mpz_ptr quotient, mpz_ptr remainder, mpz_srcptr divisor)
{
        int half;

        if (mpz_sgn(remainder) == 0)
                return true;
        mpz_mul_2exp(remainder, remainder, 1);
        half = mpz_cmp(remainder, divisor);
        if (half > 0 || (half == 0 && mpz_odd_p(quotient)))
                mpz_add_ui(quotient, quotient, 1);
        return false;
}

/* Scales so that the quotient has exactly the digits wanted; returns the decimal exponent of the first. */
static long scale_to_digits(mpq_srcptr number, unsigned digits, mpz_ptr quotient, mpz_ptr remainder,
                            mpz_ptr divisor)
{
        long exponent = guess_exponent(number);
        int side;
        mpz_t lowest, limit;

        mpz_inits(lowest, limit, (mpz_ptr)0);
        mpz_ui_pow_ui(lowest, 10, digits - 1);
        mpz_ui_pow_ui(limit, 10, digits);
        do {
                scale(number, (long)digits - 1 - exponent, quotient, remainder, divisor);
                side = mpz_cmp(quotient, lowest) < 0 ? -1 : mpz_cmp(quotient, limit) >= 0;
                exponent += side;
        } while (side != 0);
        mpz_clears(lowest, limit, (mpz_ptr)0);
        return exponent;
}

int format_exact(mpq_srcptr number, unsigned digits, char **ret_value, bool *ret_is_exact)
{
        char *text;
        long exponent;
        mpz_t quotient, remainder, divisor;
        int r;

        if (mpq_sgn(number) == 0) {
                *ret_is_exact = true;
                return write_decimal(false, "0", 1, 0, digits, ret_value);
        }
        mpz_inits(quotient, remainder, divisor, (mpz_ptr)0);
        exponent = scale_to_digits(number, digits, quotient, remainder, divisor);
        *ret_is_exact = round_quotient(quotient, remainder, divisor);
        text = mpz_get_str(NULL, 10, quotient);
        mpz_clears(quotient, remainder, divisor, (mpz_ptr)0);
        if (strlen(text) > digits) /* 9.99 became 10.0 */
                exponent++;
        r = write_decimal(mpq_sgn(number) < 0, text, strlen(text), exponent, digits, ret_value);
        free(text);
        return r;
}

int format_real(mpfr_srcptr low, mpfr_srcptr high, unsigned digits, char **ret_value)
{
        mpfr_exp_t low_exponent, high_exponent;
        bool is_negative;
        char *low_text, *high_text;
        int r = TREE_UNDECIDED;

        if (mpfr_sgn(low) != mpfr_sgn(high))
                return TREE_UNDECIDED;
        low_text = mpfr_get_str(NULL, &low_exponent, 10, digits, low, MPFR_RNDN);
        high_text = mpfr_get_str(NULL, &high_exponent, 10, digits, high, MPFR_RNDN);
        is_negative = mpfr_sgn(low) < 0;
        if (!low_text || !high_text)
                r = -ENOMEM;
        else if (low_exponent == high_exponent && strcmp(low_text, high_text) == 0)
                r = write_decimal(is_negative, low_text + is_negative, strlen(low_text) - is_negative,
                                  (long)low_exponent - 1, digits, ret_value);
        if (low_text)
                mpfr_free_str(low_text);
        if (high_text)
                mpfr_free_str(high_text);
        return r;
}
