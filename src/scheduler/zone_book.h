/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */
#pragma once

/* The zones in use, read from the system's time zone data when first asked for. There are some 600 at most.
 */

#include "base/map.h"
#include "scheduler/zone.h"

#define ZONE_DIR "/usr/share/zoneinfo"
#define ZONE_NAME_MAX 64

struct zone_book {
        struct map entries;
};

void zone_book_init(struct zone_book *b);
/* Forgets all of them: the next question reads newer files. No recurrence may outlive it. */
void zone_book_done(struct zone_book *b);
/* The zone lives as long as the book. 0; -ENOENT: there is no such zone; -ENOMEM; -errno. */
int zone_book_get(struct zone_book *b, const char *name, const struct zone **ret);
