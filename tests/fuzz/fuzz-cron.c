/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */

#include "base/alloc.h"
#include "fuzz.h"
#include "scheduler/cron.h"

/* Whatever is taken names minutes: the next one is not before it was asked for, and is found again from
 * itself and from anywhere between. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        _cleanup_free_ char *text = memdup_str(data, size);
        char reason[CRON_REASON_SIZE];
        int64_t from = INT64_C(29000000), next, again;
        struct cron c;

        if (!text || cron_parse(text, &c, reason) < 0)
                return 0;
        for (unsigned i = 0; i < 3; i++, from = next + 1) {
                fuzz_check(cron_next(&c, from, &next) == 0 && next >= from);
                fuzz_check(cron_next(&c, next, &again) == 0 && again == next);
                fuzz_check(cron_next(&c, from + (next - from) / 2, &again) == 0 && again == next);
        }
        return 0;
}
