/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */
#include "service/unit_state.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <systemd/sd-bus.h>
#include <systemd/sd-daemon.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/macro.h"

#define MANAGER "org.freedesktop.systemd1"
#define ANSWER_USEC (5 * USEC_PER_SEC)

static void bus_unrefp(sd_bus **bus)
{
        sd_bus_flush_close_unref(*bus);
}

static void message_unrefp(sd_bus_message **m)
{
        sd_bus_message_unref(*m);
}

static int by_name(const void *a, const void *b)
{
        return strcmp(((const struct unit_state *)a)->name, ((const struct unit_state *)b)->name);
}

/* name, description, load, active, sub, followed unit, path, job id, job type, job path */
static int read_unit(sd_bus_message *m, struct unit_state *u)
{
        const char *name, *load, *active, *sub;
        int r;

        r = sd_bus_message_read(m, "(ssssssouso)", &name, NULL, &load, &active, &sub, NULL, NULL, NULL, NULL,
                                NULL);
        if (r <= 0)
                return r;
        snprintf(u->name, sizeof(u->name), "%s", name);
        snprintf(u->load, sizeof(u->load), "%s", load);
        snprintf(u->active, sizeof(u->active), "%s", active);
        snprintf(u->sub, sizeof(u->sub), "%s", sub);
        return 1;
}

static int read_units(sd_bus_message *m, struct unit_state **ret, size_t *ret_n)
{
        _cleanup_free_ struct unit_state *units = NULL;
        size_t n = 0;
        int r;

        r = sd_bus_message_enter_container(m, 'a', "(ssssssouso)");
        if (r < 0)
                return r;
        for (;;) {
                struct unit_state *more = reallocarray(units, n + 1, sizeof(*units));

                if (!more)
                        return -ENOMEM;
                units = more;
                r = read_unit(m, &units[n]);
                if (r < 0)
                        return r;
                if (r == 0)
                        break;
                n++;
        }
        qsort(units, n, sizeof(*units), by_name);
        *ret = TAKE_PTR(units);
        *ret_n = n;
        return 0;
}

int unit_state_list(const char *pattern, struct unit_state **ret, size_t *ret_n)
{
        _cleanup_(bus_unrefp) sd_bus *bus = NULL;
        _cleanup_(message_unrefp) sd_bus_message *call = NULL, *reply = NULL;
        int r;

        if (sd_booted() <= 0)
                return -ENOTSUP;
        r = sd_bus_open_system(&bus);
        if (r < 0)
                return r;
        r = sd_bus_message_new_method_call(bus, &call, MANAGER, "/org/freedesktop/systemd1",
                                           MANAGER ".Manager", "ListUnitsByPatterns");
        if (r >= 0)
                r = sd_bus_message_append(call, "asas", 0, 1, pattern);
        if (r >= 0)
                r = sd_bus_call(bus, call, ANSWER_USEC, NULL, &reply);
        return r < 0 ? r : read_units(reply, ret, ret_n);
}
