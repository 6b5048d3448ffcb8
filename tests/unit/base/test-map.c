/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <stdio.h>

#include "base/map.h"

#define MANY 1000

struct thing {
        char name[16];
        struct map_entry entry;
        bool seen;
};

static struct thing *thing_of(struct map_entry *e)
{
        return e ? container_of(e, struct thing, entry) : NULL;
}

/* A thousand keys are all found, and those removed no longer are. */
static void test_put_get_remove(void **state)
{
        static struct thing things[MANY];
        struct map m;

        map_init(&m);
        assert_null(map_get(&m, "t0"));
        for (int i = 0; i < MANY; i++) {
                (void)snprintf(things[i].name, sizeof(things[i].name), "t%d", i);
                assert_int_equal(map_put(&m, things[i].name, &things[i].entry), 0);
        }
        assert_int_equal(m.n_entries, MANY);
        for (int i = 0; i < MANY; i += 2)
                map_remove(&m, &things[i].entry);
        for (int i = 0; i < MANY; i++)
                assert_ptr_equal(thing_of(map_get(&m, things[i].name)), i % 2 ? &things[i] : NULL);
        map_done(&m);
}

/* A key is taken once; the second entry stays out, and removing it does no harm. */
static void test_duplicate(void **state)
{
        struct thing a = {.name = "same"}, b = {.name = "same"};
        struct map m;

        map_init(&m);
        map_remove(&m, &a.entry);
        assert_int_equal(map_put(&m, a.name, &a.entry), 0);
        assert_int_equal(map_put(&m, b.name, &b.entry), -EEXIST);
        map_remove(&m, &b.entry);
        assert_ptr_equal(thing_of(map_get(&m, "same")), &a);
        map_remove(&m, &a.entry);
        map_remove(&m, &a.entry);
        assert_int_equal(m.n_entries, 0);
        map_done(&m);
}

/* Iteration meets every entry once, also when each is removed as it is met. */
static void test_foreach(void **state)
{
        static struct thing things[MANY];
        size_t met = 0;
        struct map m;

        map_init(&m);
        MAP_FOREACH (e, &m)
                met++;
        assert_int_equal(met, 0);
        for (int i = 0; i < MANY; i++) {
                (void)snprintf(things[i].name, sizeof(things[i].name), "%d", i);
                assert_int_equal(map_put(&m, things[i].name, &things[i].entry), 0);
        }
        MAP_FOREACH (e, &m) {
                assert_false(thing_of(e)->seen);
                thing_of(e)->seen = true;
                map_remove(&m, e);
                met++;
        }
        assert_int_equal(met, MANY);
        assert_int_equal(m.n_entries, 0);
        map_done(&m);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_put_get_remove),
                cmocka_unit_test(test_duplicate),
                cmocka_unit_test(test_foreach),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
