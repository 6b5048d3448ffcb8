/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */
#pragma once

/* Memory that is freed all at once: what belongs to one request.  The first pieces come from a slab of the
 * owner, so that most requests need no other allocation. */

#include <stddef.h>

#include "base/macro.h"

struct arena_block;
struct arena {
        char *slab; /* borrowed, aligned for anything */
        size_t slab_size, slab_used;
        struct arena_block *blocks; /* owned */
};

static inline void arena_init(struct arena *a, char *slab, size_t slab_size)
{
        *a = (struct arena){.slab = slab, .slab_size = slab_size};
}
/* Not zeroed, aligned for anything; NULL when there is none. */
void *arena_alloc(struct arena *a, size_t size);
char *arena_strdup(struct arena *a, const char *s);
/* A copy of n bytes with a NUL behind it. */
char *arena_memdup_str(struct arena *a, const void *p, size_t n);
void arena_done(struct arena *a);
