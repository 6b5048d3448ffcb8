/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */
#include "pg/pg_prepared.h"

#include <errno.h>

#include "base/alloc.h"

#define CAPACITY_FIRST 32 /* a daemon has a dozen statements */

static unsigned slot_of(const struct pg_prepared *p, const struct pg_statement *s)
{
        uint64_t hash = (uint64_t)(uintptr_t)s * UINT64_C(0x9e3779b97f4a7c15);
        unsigned i = (unsigned)(hash >> 32) & (p->capacity - 1);

        while (p->table[i] && p->table[i] != s)
                i = (i + 1) & (p->capacity - 1);
        return i;
}

bool pg_prepared_has(const struct pg_prepared *p, const struct pg_statement *s)
{
        return p->capacity > 0 && p->table[slot_of(p, s)] == s;
}

static int grow(struct pg_prepared *p)
{
        struct pg_prepared larger = {.capacity = p->capacity ? 2 * p->capacity : CAPACITY_FIRST};

        larger.table = new0(const struct pg_statement *, larger.capacity);
        if (!larger.table)
                return -ENOMEM;
        for (unsigned i = 0; i < p->capacity; i++)
                if (p->table[i]) {
                        larger.table[slot_of(&larger, p->table[i])] = p->table[i];
                        larger.n++;
                }
        free(p->table);
        *p = larger;
        return 0;
}

int pg_prepared_add(struct pg_prepared *p, const struct pg_statement *s)
{
        unsigned i;
        int r;

        if (2 * (p->n + 1) > p->capacity) {
                r = grow(p);
                if (r < 0)
                        return r;
        }
        i = slot_of(p, s);
        if (!p->table[i]) {
                p->table[i] = s;
                p->n++;
        }
        return 0;
}

void pg_prepared_remove(struct pg_prepared *p, const struct pg_statement *s)
{
        unsigned i;

        if (!pg_prepared_has(p, s))
                return;
        i = slot_of(p, s);
        p->table[i] = NULL;
        p->n--;
        /* Those behind it may have been displaced by it: put each in its place again. */
        for (i = (i + 1) & (p->capacity - 1); p->table[i]; i = (i + 1) & (p->capacity - 1)) {
                const struct pg_statement *moved = p->table[i];

                p->table[i] = NULL;
                p->table[slot_of(p, moved)] = moved;
        }
}

void pg_prepared_done(struct pg_prepared *p)
{
        free(p->table);
        *p = (struct pg_prepared){0};
}
