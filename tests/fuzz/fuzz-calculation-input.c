/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */

/* What asks for a calculation: what is taken has an expression that is one, and says the same when its parts
 * are asked for again. */

#include <errno.h>
#include <string.h>

#include "arithmetic/calculation_input.h"
#include "fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        struct field_errors errors = {.n_errors = 0};
        struct calculation_input input, again;
        struct expression_error error;
        int r;

        r = calculation_input_decode((const char *)data, size, &input, &errors);
        if (r < 0) {
                fuzz_check(r == -ENOMEM || errors.n_errors > 0);
                return 0;
        }
        fuzz_check(input.digits >= 1 && input.digits <= EXPRESSION_DIGITS_MAX);
        fuzz_check(!input.operation == !input.operands);
        fuzz_check(expression_check(input.expression, strlen(input.expression), &error) == 0);
        fuzz_check(calculation_input_make(input.expression, NULL, NULL, 0, &again, &errors) == 0);
        fuzz_check(strcmp(again.expression, input.expression) == 0);
        calculation_input_done(&again);
        calculation_input_done(&input);
        return 0;
}
