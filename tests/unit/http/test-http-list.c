/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "http/http_list.h"

static void test_has(void **state)
{
        assert_true(http_list_has("keep-alive, Upgrade", "upgrade", true));
        assert_false(http_list_has("keep-alive, Upgrade", "upgrade", false));
        assert_true(http_list_has("Upgrade", "Upgrade", false));
        assert_true(http_list_has(",, \t upgrade \t ,", "upgrade", false));
        assert_false(http_list_has("upgraded, not-upgrade", "upgrade", false));
        assert_false(http_list_has("", "upgrade", true));
        assert_false(http_list_has(" , ,", "", true));
        assert_false(http_list_has(NULL, "upgrade", true));
}

static void test_next(void **state)
{
        const char *list = " one,two words ,\t, three", *item;
        size_t n;

        item = http_list_next(&list, &n);
        assert_int_equal(n, 3);
        assert_memory_equal(item, "one", n);
        item = http_list_next(&list, &n);
        assert_int_equal(n, 9);
        assert_memory_equal(item, "two words", n);
        item = http_list_next(&list, &n);
        assert_int_equal(n, 5);
        assert_memory_equal(item, "three", n);
        assert_null(http_list_next(&list, &n));
        assert_null(http_list_next(&list, &n));
}

int main(void)
{
        static const struct CMUnitTest tests[] = {cmocka_unit_test(test_has), cmocka_unit_test(test_next)};

        return cmocka_run_group_tests_name("http_list", tests, NULL, NULL);
}
