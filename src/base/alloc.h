/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */
#pragma once

/* Allocation with the size taken from the type, and cleanup for plain memory. */

#include <stdlib.h>
#include <string.h>

#include "base/macro.h"

#define new0(type, n) ((type *)calloc((n), sizeof(type)))

static inline void freep(void *p)
{
        free(*(void **)p);
}
#define _cleanup_free_ _cleanup_(freep)

/* A copy of n bytes with a NUL behind it; NULL when out of memory. */
static inline char *memdup_str(const void *p, size_t n)
{
        char *c = (char *)malloc(n + 1);

        if (!c)
                return NULL;
        if (n > 0)
                memcpy(c, p, n);
        c[n] = '\0';
        return c;
}

/* Sets *field to a copy of value (NULL clears it).  Returns 0 or -ENOMEM, and then leaves it. */
int strdup_to(char **field, const char *value);
