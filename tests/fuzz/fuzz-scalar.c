/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */

#include <stdlib.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/decimal.h"
#include "base/id.h"
#include "base/parse.h"
#include "fuzz.h"

static void check_money(const char *text)
{
        int64_t cents, again;
        char out[MONEY_SIZE];

        if (money_parse(text, &cents) < 0)
                return;
        fuzz_check(cents >= 0 && cents <= MONEY_MAX_CENTS);
        money_format(cents, out);
        fuzz_check(money_parse(out, &again) == 0 && again == cents);
}

static void check_time(const char *text)
{
        int64_t usec, again;
        char out[RFC3339_SIZE];

        if (parse_rfc3339(text, &usec) < 0)
                return;
        /* An offset can lead out of the four-digit years, which then are cut to their ends. */
        if (usec < INT64_C(-62167219200000000) || usec > INT64_C(253402300799999999))
                return;
        format_rfc3339(usec, out);
        fuzz_check(parse_rfc3339(out, &again) == 0 && again == usec);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        _cleanup_free_ char *text = memdup_str(data, size);
        uint64_t u;
        int64_t i;
        usec_t usec;
        bool b;

        if (!text)
                return 0;
        check_money(text);
        check_time(text);
        (void)parse_bool(text, &b);
        (void)parse_u64(text, 0, UINT64_MAX, &u);
        (void)parse_i64(text, &i);
        (void)parse_size(text, &u);
        (void)parse_usec(text, &usec);
        (void)id_is_valid(text);
        return 0;
}
