/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */
#include "base/str.h"
#include "pg/pg_query.h"

bool pg_sqlstate_is_passing(const char *sqlstate)
{
        static const char *const passing[] = {"40", "53", "55", "57", "25006"}; /* classes, and one whole */

        for (size_t i = 0; i < ARRAY_SIZE(passing); i++)
                if (startswith(sqlstate, passing[i]))
                        return true;
        return false;
}
