/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */
#include "scheduler/zone_book.h"

#include <errno.h>
#include <stdio.h>

#include "base/alloc.h"
#include "base/fd.h"
#include "base/str.h"

#define ZONE_FILE_MAX ((size_t)64 * 1024) /* the largest has 4 KiB */

struct zone_entry {
        struct map_entry entry;
        struct zone *zone; /* owned */
        char name[ZONE_NAME_MAX + 1];
};

void zone_book_init(struct zone_book *b)
{
        map_init(&b->entries);
}

void zone_book_done(struct zone_book *b)
{
        MAP_FOREACH (e, &b->entries) {
                struct zone_entry *z = container_of(e, struct zone_entry, entry);

                map_remove(&b->entries, e);
                zone_free(z->zone);
                free(z);
        }
        map_done(&b->entries);
        map_init(&b->entries);
}

/* "Europe/Madrid", "Etc/GMT+5": nothing that leaves the folder. */
static bool is_name(const char *name)
{
        size_t n = strlen(name);

        return n >= 1 && n <= ZONE_NAME_MAX && *name != '/' && *name != '-' &&
               strspn(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_+-/") == n;
}

static int load(const char *name, struct zone **ret)
{
        char path[sizeof(ZONE_DIR) + 1 + ZONE_NAME_MAX];
        _cleanup_free_ char *bytes = NULL;
        size_t n;
        int r;

        (void)snprintf(path, sizeof(path), ZONE_DIR "/%s", name);
        r = fd_read_file(path, ZONE_FILE_MAX, &bytes, &n);
        if (r == 0)
                r = zone_decode(bytes, n, ret);
        return r == -ENOMEM ? r : r < 0 ? -ENOENT : 0;
}

int zone_book_get(struct zone_book *b, const char *name, const struct zone **ret)
{
        struct map_entry *known;
        struct zone_entry *z;
        int r;

        if (!is_name(name))
                return -ENOENT;
        known = map_get(&b->entries, name);
        if (known) {
                *ret = container_of(known, struct zone_entry, entry)->zone;
                return 0;
        }
        z = new0(struct zone_entry, 1);
        if (!z)
                return -ENOMEM;
        (void)snprintf(z->name, sizeof(z->name), "%s", name);
        r = load(name, &z->zone);
        if (r == 0)
                r = map_put(&b->entries, z->name, &z->entry);
        if (r < 0) {
                zone_free(z->zone);
                free(z);
                return r;
        }
        *ret = z->zone;
        return 0;
}
