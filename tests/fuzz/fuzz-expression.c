/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */

/* The first byte chooses the digits, the rest is the expression.  Besides not crashing: no input may take
 * more than its work, what was refused by the check is refused by evaluation, and a value is an expression
 * again that has the same value. */

#include <errno.h>
#include <string.h>

#include "arithmetic/expression.h"
#include "fuzz.h"

/* A sanitized program is some ten times slower than the clock's guard allows for, and one call runs to its
 * end. */
#define WORK_USEC (2 * USEC_PER_SEC)
#define SLACK_USEC (8 * USEC_PER_SEC)

static const unsigned digits_of[] = {34, 1, 2, 5, 17, 100, EXPRESSION_DIGITS_MAX};

static void check_value(const struct expression_result *result, unsigned digits)
{
        struct expression_result again;
        struct expression_error error;

        fuzz_check(!result->is_exact || result->fraction);
        /* At the edge of the range a rounded value may lie beyond it. */
        if (expression_evaluate(result->value, strlen(result->value), digits, WORK_USEC, &again, &error) <
            0) {
                fuzz_check(error.fault == EXPRESSION_TOO_LARGE);
                return;
        }
        fuzz_check(strcmp(again.value, result->value) == 0 && again.is_exact);
        fuzz_check(!result->is_exact || strcmp(again.fraction, result->fraction) == 0);
        expression_result_done(&again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        struct expression_result result;
        struct expression_error error;
        const char *text = (const char *)data + 1;
        usec_t start;
        unsigned digits;
        int checked, r;

        if (size == 0)
                return 0;
        digits = digits_of[data[0] % (sizeof(digits_of) / sizeof(digits_of[0]))];
        checked = expression_check(text, size - 1, &error);
        start = clock_thread_usec();
        r = expression_evaluate(text, size - 1, digits, WORK_USEC, &result, &error);
        fuzz_check(clock_thread_usec() - start < WORK_USEC + SLACK_USEC);
        if (r == 0) {
                fuzz_check(checked == 0);
                check_value(&result, digits);
                expression_result_done(&result);
        } else {
                fuzz_check(r == -EBADMSG);
                fuzz_check((checked == -EBADMSG) == (error.fault == EXPRESSION_INVALID));
                fuzz_check(error.position >= 1 && error.position <= size);
        }
        expression_thread_done();
        return 0;
}
