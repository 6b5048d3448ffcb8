/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */
#pragma once

/* A hash map from strings to entries that live inside their objects (SipHash-free FNV-1a with a
 * per-map random seed, open chains, grows by doubling). */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/macro.h"

/* Embedded in the object; `key` is borrowed from it and must not change while linked. */
struct map_entry {
        struct map_entry *next;
        const char *key;
        uint64_t hash;
};

struct map {
        struct map_entry **buckets; /* owned */
        size_t n_buckets, n_entries;
        uint64_t seed;
};

void map_init(struct map *m);
/* Frees the table, not the entries. */
void map_done(struct map *m);
struct map_entry *map_get(const struct map *m, const char *key);
/* 0, -EEXIST when the key is taken, -ENOMEM. */
int map_put(struct map *m, const char *key, struct map_entry *e);
/* Harmless when `e` is not in the map (by identity). */
void map_remove(struct map *m, struct map_entry *e);
/* Iteration in no particular order; the current entry may be removed. NULL starts; NULL ends. */
struct map_entry *map_next(const struct map *m, const struct map_entry *after);
#define MAP_FOREACH(e, m)                                                                                    \
        for (struct map_entry *e = map_next((m), NULL), *n_ = e ? map_next((m), e) : NULL; e;                \
             e = n_, n_ = e ? map_next((m), e) : NULL)
