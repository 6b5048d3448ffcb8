/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "base/macro.h"
#include "service/unit_daemon.h"

/* What systemd says of a host that is up, sorted by name. */
static const struct unit_state units[] = {
        {"lonja-bridge-tcps.socket", "loaded", "inactive", "dead"},
        {"lonja-bridge.service", "loaded", "failed", "failed"},
        {"lonja-bridge.socket", "loaded", "failed", "failed"},
        {"lonja-db.service", "loaded", "active", "exited"},
        {"lonja-peer@main.service", "loaded", "inactive", "dead"},
        {"lonja-peer@main.socket", "loaded", "inactive", "dead"},
        {"lonja-products-admin.socket", "loaded", "active", "running"},
        {"lonja-products.service", "loaded", "active", "running"},
        {"lonja-products.socket", "loaded", "active", "running"},
        {"lonja-scheduler.service", "loaded", "inactive", "dead"},
        {"lonja-scheduler.socket", "loaded", "active", "listening"},
        {"lonja-stranger.service", "not-found", "inactive", "dead"},
        {"lonja-sweep.service", "loaded", "inactive", "dead"},
        {"lonja-sweep.timer", "loaded", "active", "waiting"},
        {"lonja.service", "loaded", "active", "exited"},
        {"lonja.slice", "loaded", "active", "active"},
};

static const struct unit_daemon *find(const struct unit_daemons *all, const char *word)
{
        for (size_t i = 0; i < all->n; i++)
                if (strcmp(all->items[i].word, word) == 0)
                        return &all->items[i];
        return NULL;
}

/* Each daemon with its doors; what is no daemon does not show. */
static void test_daemons(void **state)
{
        const struct unit_daemon *d;
        struct unit_daemons all;

        unit_daemons_find(units, ARRAY_SIZE(units), &all);
        assert_int_equal(all.n, 4);

        d = find(&all, "products");
        assert_string_equal(d->state, "awake");
        assert_int_equal(d->n_doors, 2);
        assert_string_equal(d->doors[0].name, "admin");
        assert_string_equal(d->doors[1].name, "");
        assert_string_equal(d->doors[1].state, "open");
        assert_false(unit_daemon_has_failed(d));

        assert_string_equal(find(&all, "scheduler")->state, "asleep");

        d = find(&all, "peer@main");
        assert_string_equal(d->state, "off");
        assert_string_equal(d->doors[0].state, "closed");
        assert_false(unit_daemon_has_failed(d));

        d = find(&all, "bridge");
        assert_string_equal(d->state, "failed");
        assert_string_equal(d->doors[0].name, "tcps");
        assert_string_equal(d->doors[0].state, "closed");
        assert_true(unit_daemon_has_failed(d));
}

/* A failed door is a failure although its daemon only sleeps. */
static void test_failed_door(void **state)
{
        const struct unit_state few[] = {{"lonja-x.service", "loaded", "inactive", "dead"},
                                         {"lonja-x.socket", "loaded", "failed", "failed"}};
        struct unit_daemons all;

        unit_daemons_find(few, ARRAY_SIZE(few), &all);
        assert_string_equal(all.items[0].state, "off");
        assert_true(unit_daemon_has_failed(&all.items[0]));
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_daemons),
                cmocka_unit_test(test_failed_door),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
