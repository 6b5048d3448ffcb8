/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */

#include <sys/resource.h>

#include "base/macro.h"
#include "service/files.h"

#define RESERVED 64 /* listeners, links to servers, the loop */

uint64_t files_allow(uint64_t clients)
{
        rlim_t needed = clients + RESERVED;
        struct rlimit limit;

        if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
                return clients;
        if (limit.rlim_cur < needed) {
                limit.rlim_cur = MIN_OF(limit.rlim_max, needed);
                (void)setrlimit(RLIMIT_NOFILE, &limit);
        }
        if (limit.rlim_cur >= needed)
                return clients;
        return limit.rlim_cur > 2 * RESERVED ? limit.rlim_cur - RESERVED : RESERVED;
}
