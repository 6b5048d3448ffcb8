/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */
#pragma once

/* From systemd's units to daemons with doors. Pure. */

#include <stdbool.h>

#include "service/unit_state.h"

#define CLI_DAEMONS_MAX 32
#define CLI_DOORS_MAX 12

struct cli_door {
        char name[32];     /* "https"; the socket unit without the daemon's word: "" is its first door */
        const char *state; /* "open", "closed", "failed" */
};

struct cli_daemon {
        char word[32];     /* "products", "peer@main" */
        const char *state; /* "asleep", "awake", "starting", "leaving", "failed", "off" */
        struct cli_door doors[CLI_DOORS_MAX];
        size_t n_doors;
};

struct cli_daemons {
        struct cli_daemon items[CLI_DAEMONS_MAX];
        size_t n;
};

/* `units` by name. What is no daemon of ours (lonja.service, lonja-db.service, the sweep, the slice) is left
 * out. */
void cli_daemons_find(const struct unit_state *units, size_t n_units, struct cli_daemons *ret);
bool cli_daemon_has_failed(const struct cli_daemon *d); /* it, or one of its doors */
/* The unit of this name, or NULL. */
const struct unit_state *cli_unit_find(const struct unit_state *units, size_t n_units, const char *name);
