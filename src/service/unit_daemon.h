/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */
#pragma once

/* From systemd's units to daemons with doors. Pure. */

#include <stdbool.h>

#include "service/unit_state.h"

#define UNIT_DAEMONS_MAX 32
#define UNIT_DOORS_MAX 12

struct unit_door {
        char name[32];     /* "https"; the socket unit without the daemon's word: "" is its first door */
        const char *state; /* "open", "closed", "failed" */
};

struct unit_daemon {
        char word[32];     /* "products", "peer@main" */
        const char *state; /* "asleep", "awake", "starting", "leaving", "failed", "off" */
        struct unit_door doors[UNIT_DOORS_MAX];
        size_t n_doors;
};

struct unit_daemons {
        struct unit_daemon items[UNIT_DAEMONS_MAX];
        size_t n;
};

/* `units` by name. What is no daemon of ours (lonja.service, lonja-db.service, the sweep, the slice) is left
 * out. */
void unit_daemons_find(const struct unit_state *units, size_t n_units, struct unit_daemons *ret);
bool unit_daemon_has_failed(const struct unit_daemon *d); /* it, or one of its doors */
/* The unit of this name, or NULL. */
const struct unit_state *unit_state_find(const struct unit_state *units, size_t n_units, const char *name);
