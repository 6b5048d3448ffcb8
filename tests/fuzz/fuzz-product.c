/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */

/* Bodies of the catalogue: what is taken obeys the rules, and has one canonical text. */

#include <string.h>

#include "base/decimal.h"
#include "base/str.h"
#include "fuzz.h"
#include "products/product.h"

static bool is_money(int64_t cents)
{
        return cents >= 0 && cents <= MONEY_MAX_CENTS;
}

static void check(const struct product *p, enum product_form form)
{
        fuzz_check(form != PRODUCT_WHOLE || (p->description && p->has_buying && p->has_selling));
        fuzz_check(!p->code || product_code_is_valid(p->code));
        fuzz_check(!p->description || utf8_is_valid(p->description, strlen(p->description)));
        fuzz_check(is_money(p->buying_cents) && is_money(p->selling_cents));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        char factor[PRODUCT_FACTOR_SIZE];
        struct field_errors errors;

        for (int form = PRODUCT_WHOLE; form <= PRODUCT_PATCH; form++) {
                struct product p = {0};

                errors.n_errors = 0;
                if (product_decode((const char *)data, size, form, &p, &errors) == 0)
                        check(&p, form);
                else
                        fuzz_check(errors.n_errors > 0);
                product_done(&p);
        }
        errors.n_errors = 0;
        if (product_factor_decode((const char *)data, size, factor, &errors) == 0)
                fuzz_check(strspn(factor, "0123456789.") == strlen(factor));
        return 0;
}
