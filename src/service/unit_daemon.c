/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */
#include "service/unit_daemon.h"

#include <stdio.h>
#include <string.h>

#include "base/macro.h"
#include "base/str.h"

#define PREFIX "lonja-"

static const char *const no_daemons[] = {"db", "sweep"};

static bool is_no_daemon(const char *word)
{
        for (size_t i = 0; i < ARRAY_SIZE(no_daemons); i++)
                if (streq(no_daemons[i], word))
                        return true;
        return false;
}

/* "lonja-products-https.socket" -> "products-https"; false: not of this kind. */
static bool stem_of(const struct unit_state *u, const char *suffix, char out[96])
{
        const char *rest = startswith(u->name, PREFIX);

        if (!rest || !endswith(rest, suffix) || streq(u->load, "not-found"))
                return false;
        snprintf(out, 96, "%.*s", (int)(strlen(rest) - strlen(suffix)), rest);
        return true;
}

static const char *service_state(const struct unit_state *u)
{
        static const char *const names[][2] = {{"active", "awake"},
                                               {"reloading", "awake"},
                                               {"activating", "starting"},
                                               {"deactivating", "leaving"},
                                               {"failed", "failed"}};

        for (size_t i = 0; i < ARRAY_SIZE(names); i++)
                if (streq(u->active, names[i][0]))
                        return names[i][1];
        return "off";
}

static struct unit_daemon *daemon_of(struct unit_daemons *all, const char *word)
{
        for (size_t i = 0; i < all->n; i++)
                if (streq(all->items[i].word, word))
                        return &all->items[i];
        return NULL;
}

static void add_daemon(struct unit_daemons *all, const char *word, const struct unit_state *u)
{
        struct unit_daemon *d;

        if (all->n == UNIT_DAEMONS_MAX)
                return;
        d = &all->items[all->n++];
        *d = (struct unit_daemon){.state = service_state(u)};
        snprintf(d->word, sizeof(d->word), "%s", word);
}

/* The daemon whose word begins the stem: "products" of "products-https". A peer's instance is part of its
 * word: "peer@main" has the socket lonja-peer@main.socket. */
static struct unit_daemon *owner_of(struct unit_daemons *all, const char *stem, const char **ret_door)
{
        struct unit_daemon *d = daemon_of(all, stem);

        *ret_door = "";
        for (size_t i = 0; !d && i < all->n; i++) {
                const char *rest = startswith(stem, all->items[i].word);

                if (rest && *rest == '-') {
                        *ret_door = rest + 1;
                        d = &all->items[i];
                }
        }
        return d;
}

static void add_door(struct unit_daemons *all, const char *stem, const struct unit_state *u)
{
        const char *name;
        struct unit_daemon *d = owner_of(all, stem, &name);
        struct unit_door *door;

        if (!d || d->n_doors == UNIT_DOORS_MAX)
                return;
        door = &d->doors[d->n_doors++];
        snprintf(door->name, sizeof(door->name), "%s", name);
        door->state = streq(u->active, "active") ? "open" : streq(u->active, "failed") ? "failed" : "closed";
        /* off, but somebody who knocks would wake it */
        if (streq(d->state, "off") && streq(door->state, "open"))
                d->state = "asleep";
}

void unit_daemons_find(const struct unit_state *units, size_t n_units, struct unit_daemons *ret)
{
        char stem[96];

        ret->n = 0;
        for (size_t i = 0; i < n_units; i++)
                if (stem_of(&units[i], ".service", stem) && !is_no_daemon(stem))
                        add_daemon(ret, stem, &units[i]);
        for (size_t i = 0; i < n_units; i++)
                if (stem_of(&units[i], ".socket", stem))
                        add_door(ret, stem, &units[i]);
}

bool unit_daemon_has_failed(const struct unit_daemon *d)
{
        bool failed = streq(d->state, "failed");

        for (size_t i = 0; i < d->n_doors; i++)
                failed = failed || streq(d->doors[i].state, "failed");
        return failed;
}

const struct unit_state *unit_state_find(const struct unit_state *units, size_t n_units, const char *name)
{
        for (size_t i = 0; i < n_units; i++)
                if (streq(units[i].name, name))
                        return &units[i];
        return NULL;
}
