/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/list.h"

struct item {
        int value;
        struct list_link link;
};

static int sum_in_order(const struct list *l)
{
        int digits = 0;

        LIST_FOREACH (i, l)
                digits = digits * 10 + LIST_ENTRY(i, struct item, link)->value;
        return digits;
}

/* Order is that of the appends, with what was prepended in front. */
static void test_order(void **state)
{
        struct item items[] = {{.value = 1}, {.value = 2}, {.value = 3}};
        struct list l;

        list_init(&l);
        assert_true(list_is_empty(&l));
        assert_null(list_first(&l));
        list_append(&l, &items[1].link);
        list_append(&l, &items[2].link);
        list_prepend(&l, &items[0].link);
        assert_int_equal(sum_in_order(&l), 123);
        assert_ptr_equal(list_first(&l), &items[0].link);
        list_remove(&items[1].link);
        assert_false(list_is_linked(&items[1].link));
        list_remove(&items[1].link);
        assert_int_equal(sum_in_order(&l), 13);
        list_insert_before(&items[2].link, &items[1].link);
        assert_int_equal(sum_in_order(&l), 123);
}

/* The current link may leave during a safe walk. */
static void test_remove_while_walking(void **state)
{
        struct item items[] = {{.value = 1}, {.value = 2}, {.value = 3}};
        struct list l;

        list_init(&l);
        for (size_t i = 0; i < 3; i++)
                list_append(&l, &items[i].link);
        LIST_FOREACH_SAFE (i, &l)
                if (LIST_ENTRY(i, struct item, link)->value != 2)
                        list_remove(i);
        assert_int_equal(sum_in_order(&l), 2);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_order),
                cmocka_unit_test(test_remove_while_walking),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
