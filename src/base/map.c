/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */

#include <errno.h>
#include <stdlib.h>

#include "base/alloc.h"
#include "base/id.h"
#include "base/map.h"
#include "base/str.h"

#define MAP_BUCKETS_MIN 16 /* a power of two, as every later size */

void map_init(struct map *m)
{
        *m = (struct map){0};
        random_bytes(&m->seed, sizeof(m->seed));
}

void map_done(struct map *m)
{
        free(m->buckets);
        m->buckets = NULL;
        m->n_buckets = m->n_entries = 0;
}

/* The seed hides the order of buckets from whoever chooses the keys; the final mix brings the high bits
 * down, since a bucket is chosen by the low ones. */
static uint64_t hash_key(const struct map *m, const char *key)
{
        uint64_t h = UINT64_C(0xcbf29ce484222325) ^ m->seed;

        for (const unsigned char *p = (const unsigned char *)key; *p; p++) {
                h ^= *p;
                h *= UINT64_C(0x100000001b3);
        }
        return h ^ (h >> 32);
}

static struct map_entry **bucket_of(const struct map *m, uint64_t hash)
{
        return &m->buckets[hash & (m->n_buckets - 1)];
}

static struct map_entry *find(const struct map *m, const char *key, uint64_t hash)
{
        if (m->n_entries == 0)
                return NULL;
        for (struct map_entry *e = *bucket_of(m, hash); e; e = e->next)
                if (e->hash == hash && streq(e->key, key))
                        return e;
        return NULL;
}

struct map_entry *map_get(const struct map *m, const char *key)
{
        return find(m, key, hash_key(m, key));
}

static int grow(struct map *m)
{
        struct map bigger = {.n_buckets = m->n_buckets ? m->n_buckets * 2 : MAP_BUCKETS_MIN};

        bigger.buckets = new0(struct map_entry *, bigger.n_buckets);
        if (!bigger.buckets)
                return -ENOMEM;
        for (size_t i = 0; i < m->n_buckets; i++) {
                struct map_entry *e = m->buckets[i];

                while (e) {
                        struct map_entry *next = e->next, **bucket = bucket_of(&bigger, e->hash);

                        e->next = *bucket;
                        *bucket = e;
                        e = next;
                }
        }
        free(m->buckets);
        m->buckets = bigger.buckets;
        m->n_buckets = bigger.n_buckets;
        return 0;
}

int map_put(struct map *m, const char *key, struct map_entry *e)
{
        uint64_t hash = hash_key(m, key);
        struct map_entry **bucket;
        int r;

        if (find(m, key, hash))
                return -EEXIST;
        if (m->n_entries >= m->n_buckets) {
                r = grow(m);
                if (r < 0)
                        return r;
        }
        bucket = bucket_of(m, hash);
        *e = (struct map_entry){.next = *bucket, .key = key, .hash = hash};
        *bucket = e;
        m->n_entries++;
        return 0;
}

void map_remove(struct map *m, struct map_entry *e)
{
        if (m->n_entries == 0)
                return;
        for (struct map_entry **p = bucket_of(m, e->hash); *p; p = &(*p)->next)
                if (*p == e) {
                        *p = e->next;
                        e->next = NULL;
                        m->n_entries--;
                        return;
                }
}

struct map_entry *map_next(const struct map *m, const struct map_entry *after)
{
        size_t i = 0;

        if (m->n_buckets == 0)
                return NULL;
        if (after) {
                if (after->next)
                        return after->next;
                i = (size_t)(after->hash & (m->n_buckets - 1)) + 1;
        }
        for (; i < m->n_buckets; i++)
                if (m->buckets[i])
                        return m->buckets[i];
        return NULL;
}
