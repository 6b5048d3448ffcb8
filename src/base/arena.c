/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */

#include <stdlib.h>
#include <string.h>

#include "base/arena.h"

struct arena_block { /* of memory, when the slab was too small */
        struct arena_block *next;
        max_align_t bytes[];
};

void *arena_alloc(struct arena *a, size_t size)
{
        size_t rounded = (size + sizeof(max_align_t) - 1) & ~(sizeof(max_align_t) - 1);
        struct arena_block *block;
        void *p;

        if (rounded < size)
                return NULL;
        if (rounded <= a->slab_size - a->slab_used) {
                p = a->slab + a->slab_used;
                a->slab_used += rounded;
                return p;
        }
        block = malloc(sizeof(*block) + rounded);
        if (!block)
                return NULL;
        block->next = a->blocks;
        a->blocks = block;
        return block->bytes;
}

char *arena_strdup(struct arena *a, const char *s)
{
        return arena_memdup_str(a, s, strlen(s));
}

char *arena_memdup_str(struct arena *a, const void *p, size_t n)
{
        char *copy = arena_alloc(a, n + 1);

        if (!copy)
                return NULL;
        if (n > 0)
                memcpy(copy, p, n);
        copy[n] = '\0';
        return copy;
}

void arena_done(struct arena *a)
{
        while (a->blocks) {
                struct arena_block *block = a->blocks;

                a->blocks = block->next;
                free(block);
        }
        a->slab_used = 0;
}
