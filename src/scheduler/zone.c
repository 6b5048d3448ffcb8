/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */
#include "scheduler/zone.h"

#include <stdlib.h>

/* No offset is larger than a day and some hours, so all that may show a local time lies within so much. */
#define REACH (2 * INT64_C(86400))

struct zone *zone_free(struct zone *z)
{
        if (!z)
                return NULL;
        free(z->changes);
        free(z);
        return NULL;
}

/* How many changes are at or before `utc`. */
static size_t count_until(const struct zone *z, int64_t utc)
{
        size_t low = 0, high = z->n_changes;

        while (low < high) {
                size_t middle = low + (high - low) / 2;

                if (z->changes[middle].at <= utc)
                        low = middle + 1;
                else
                        high = middle;
        }
        return low;
}

int32_t zone_offset(const struct zone *z, int64_t utc, int64_t *ret_until)
{
        size_t n = count_until(z, utc);

        if (n == z->n_changes && z->has_rule)
                return zone_rule_offset(&z->rule, utc, ret_until);
        *ret_until = n < z->n_changes ? z->changes[n].at : INT64_MAX;
        return n > 0 ? z->changes[n - 1].offset : z->first_offset;
}

unsigned zone_to_utc(const struct zone *z, int64_t local, int64_t ret[2])
{
        int64_t begin = local - REACH, until;
        int32_t offset = zone_offset(z, begin, &until), next;
        unsigned n = 0;
        int64_t skipped = begin;

        for (;;) {
                int64_t utc = local - offset;

                if (utc >= begin && utc < until) {
                        ret[n++] = utc;
                        if (n == 2)
                                return n;
                }
                if (until > local + REACH)
                        break;
                begin = until;
                next = zone_offset(z, begin, &until);
                if (local >= begin + offset && local < begin + next)
                        skipped = begin;
                offset = next;
        }
        if (n == 0)
                ret[0] = skipped;
        return n;
}
