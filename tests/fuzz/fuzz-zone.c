/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */

#include "fuzz.h"
#include "scheduler/zone.h"

/* Whatever decodes has offsets that change at the moments it tells, and every instant is found again from the
 * time on the wall. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        static const int64_t instants[] = {-3000000000, 0, 1774746000, 1792890000, 4000000000, 9000000000};
        struct zone *z;

        if (zone_decode(data, size, &z) < 0)
                return 0;
        for (size_t i = 0; i < ARRAY_SIZE(instants); i++) {
                int64_t until, local, utc[2] = {0};
                int32_t offset = zone_offset(z, instants[i], &until);
                unsigned n;

                fuzz_check(until > instants[i]);
                local = instants[i] + offset;
                n = zone_to_utc(z, local, utc);
                fuzz_check(n >= 1 && utc[0] <= instants[i]);
                for (unsigned k = 0; k < n; k++)
                        fuzz_check(utc[k] + zone_offset(z, utc[k], &until) == local);
        }
        zone_free(z);
        return 0;
}
