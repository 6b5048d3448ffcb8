/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */

#include <errno.h>

#include "arithmetic/operation.h"
#include "base/macro.h"
#include "base/str.h"

const char *const operation_names[] = {"add",  "subtract", "multiply", "divide", "power",
                                       "sqrt", "ln",       "exp",      "log10",  NULL};

/* How each is written; the same order. */
static const struct {
        const char *before, *between;
        size_t min, max; /* operands */
} shapes[] = {
        {"", " + ", 2, OPERATION_OPERANDS_MAX},
        {"", " - ", 2, OPERATION_OPERANDS_MAX},
        {"", " * ", 2, OPERATION_OPERANDS_MAX},
        {"", " / ", 2, OPERATION_OPERANDS_MAX},
        {"power(", ", ", 2, 2},
        {"sqrt(", "", 1, 1},
        {"ln(", "", 1, 1},
        {"exp(", "", 1, 1},
        {"log10(", "", 1, 1},
};

static const char *skip_digits(const char *s)
{
        return s + strspn(s, "0123456789");
}

/* What an expression takes as a number, with a sign: "-1.5e3", not "(1+2)". */
static bool is_decimal(const char *s)
{
        const char *from, *end;
        size_t n_digits;

        if (*s == '-' || *s == '+')
                s++;
        from = s;
        end = skip_digits(s);
        n_digits = (size_t)(end - from);
        if (*end == '.') {
                from = end + 1;
                end = skip_digits(from);
                n_digits += (size_t)(end - from);
        }
        if (n_digits == 0)
                return false;
        if (*end == 'e' || *end == 'E') {
                from = end + 1;
                if (*from == '-' || *from == '+')
                        from++;
                end = skip_digits(from);
                if (end == from)
                        return false;
        }
        return *end == '\0';
}

int operation_write(struct buf *out, const char *operation, const char *const *operands, size_t n,
                    size_t *ret_wrong)
{
        size_t k = 0;

        while (operation_names[k] && !streq(operation_names[k], operation))
                k++;
        if (!operation_names[k])
                return -ENOENT;
        if (n < shapes[k].min || n > shapes[k].max)
                return -E2BIG;
        for (size_t i = 0; i < n; i++) {
                if (is_decimal(operands[i]))
                        continue;
                *ret_wrong = i;
                return -EINVAL;
        }
        buf_append_str(out, shapes[k].before);
        for (size_t i = 0; i < n; i++) {
                bool is_signed = operands[i][0] == '-' || operands[i][0] == '+';

                if (i > 0)
                        buf_append_str(out, shapes[k].between);
                /* "2 - -1" would do, but nobody writes it. */
                buf_append_str(out, is_signed && i > 0 && !*shapes[k].before ? "(" : "");
                buf_append_str(out, operands[i]);
                buf_append_str(out, is_signed && i > 0 && !*shapes[k].before ? ")" : "");
        }
        buf_append_str(out, *shapes[k].before ? ")" : "");
        return 0;
}
