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
#include "cli/cli_secret.h"
#include "cli/cli_units.h"

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

static const struct cli_daemon *find(const struct cli_daemons *all, const char *word)
{
        for (size_t i = 0; i < all->n; i++)
                if (strcmp(all->items[i].word, word) == 0)
                        return &all->items[i];
        return NULL;
}

/* Each daemon with its doors; what is no daemon does not show. */
static void test_daemons(void **state)
{
        const struct cli_daemon *d;
        struct cli_daemons all;

        cli_daemons_find(units, ARRAY_SIZE(units), &all);
        assert_int_equal(all.n, 4);

        d = find(&all, "products");
        assert_string_equal(d->state, "awake");
        assert_int_equal(d->n_doors, 2);
        assert_string_equal(d->doors[0].name, "admin");
        assert_string_equal(d->doors[1].name, "");
        assert_string_equal(d->doors[1].state, "open");
        assert_false(cli_daemon_has_failed(d));

        assert_string_equal(find(&all, "scheduler")->state, "asleep");

        d = find(&all, "peer@main");
        assert_string_equal(d->state, "off");
        assert_string_equal(d->doors[0].state, "closed");
        assert_false(cli_daemon_has_failed(d));

        d = find(&all, "bridge");
        assert_string_equal(d->state, "failed");
        assert_string_equal(d->doors[0].name, "tcps");
        assert_string_equal(d->doors[0].state, "closed");
        assert_true(cli_daemon_has_failed(d));
}

/* A failed door is a failure although its daemon only sleeps. */
static void test_failed_door(void **state)
{
        const struct unit_state few[] = {{"lonja-x.service", "loaded", "inactive", "dead"},
                                         {"lonja-x.socket", "loaded", "failed", "failed"}};
        struct cli_daemons all;

        cli_daemons_find(few, ARRAY_SIZE(few), &all);
        assert_string_equal(all.items[0].state, "off");
        assert_true(cli_daemon_has_failed(&all.items[0]));
}

static void with_password(const char *uri, const char *wanted)
{
        char *made = cli_secret_in_amqp(uri, "p@ss/word");

        assert_string_equal(made, wanted);
        free(made);
}

/* The password goes behind the user's name, escaped, unless there is one. */
static void test_amqp_password(void **state)
{
        with_password("amqp://lonja@127.0.0.1:5672/lonja", "amqp://lonja:p%40ss%2Fword@127.0.0.1:5672/lonja");
        with_password("amqps://a%40b@[::1]/x@y", "amqps://a%40b:p%40ss%2Fword@[::1]/x@y");
        with_password("amqp://lonja:own@host/lonja", "amqp://lonja:own@host/lonja");
        with_password("amqp://host:5672/a@b", "amqp://host:5672/a@b");
        with_password("nonsense", "nonsense");
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_daemons),
                cmocka_unit_test(test_failed_door),
                cmocka_unit_test(test_amqp_password),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
