/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */
#pragma once

/* What systemd knows about our units, asked over D-Bus: it wakes none of them. Blocking; for `lonja status`
 * and the dashboard. */

#include <stddef.h>

struct unit_state {
        char name[96];                      /* "lonja-products.service" */
        char load[16], active[16], sub[24]; /* "loaded", "active", "running"; see systemctl(1) */
};

/* The units that systemd has loaded or can load and that match the glob `pattern`, by name; *ret is owned. 0;
 * -ENOTSUP: systemd is not the manager of this host; -errno. */
int unit_state_list(const char *pattern, struct unit_state **ret, size_t *ret_n);
