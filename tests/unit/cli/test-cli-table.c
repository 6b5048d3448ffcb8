/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <locale.h>
#include <stdlib.h>

#include "cli/cli_table.h"

static const struct cli_column columns[] = {
        {"CODE"}, {"PRICE", .right = true}, {"DESCRIPTION", .shrinks = true}, {"AT"}, {0}};

static char *print(const char *const *cells, size_t n, size_t width)
{
        struct buf out = BUF_EMPTY;
        struct cli_table t;

        cli_table_init(&t, columns);
        for (size_t i = 0; i < n; i++)
                cli_table_cell(&t, cells[i]);
        assert_int_equal(cli_table_print(&t, &out, width), 0);
        cli_table_done(&t);
        return buf_take(&out, NULL);
}

/* Columns are as wide as their widest cell, numbers stand at the right, no spaces end a line. */
static void test_layout(void **state)
{
        const char *const cells[] = {"A1", "12.50", "Olive oil", "now", "LONGER", "1.00", NULL, ""};
        char *text = print(cells, 8, 0);

        assert_string_equal(text, "CODE    PRICE  DESCRIPTION  AT\n"
                                  "A1      12.50  Olive oil    now\n"
                                  "LONGER   1.00               \n");
        free(text);
}

/* An empty table is its title line. */
static void test_empty(void **state)
{
        char *text = print(NULL, 0, 0);

        assert_string_equal(text, "CODE  PRICE  DESCRIPTION  AT\n");
        free(text);
}

/* Letters beyond ASCII take one column, wide ones two, combining marks none. */
static void test_width(void **state)
{
        assert_int_equal(cli_text_width("jam\xc3\xb3n"), 5);
        assert_int_equal(cli_text_width(""), 0);
        assert_int_equal(cli_text_width("\xff\xfe"), 2);
        assert_int_equal(cli_text_width("\xed\xa0\x80"), 3); /* a surrogate is three wrong bytes */
        if (!setlocale(LC_CTYPE, "C.UTF-8"))
                skip();
        assert_int_equal(cli_text_width("\xe6\x97\xa5\xe6\x9c\xac"), 4);
        assert_int_equal(cli_text_width("n\xcc\x83"), 1);
}

/* Where the terminal is too narrow the description gives way, never below a useful width. */
static void test_shrinks(void **state)
{
        const char *const cells[] = {"A1", "1.00", "a description that is long", "2026"};
        char *text = print(cells, 4, 40);

        assert_string_equal(text, "CODE  PRICE  DESCRIPTION            AT\n"
                                  "A1     1.00  a description that i\xe2\x80\xa6  2026\n");
        free(text);
        text = print(cells, 4, 10);
        assert_string_equal(text, "CODE  PRICE  DESCRIPTION   AT\n"
                                  "A1     1.00  a descripti\xe2\x80\xa6  2026\n");
        free(text);
}

/* No cell can paint the terminal. */
static void test_hostile(void **state)
{
        const char *const cells[] = {"\033[2J", "1\n2", "\xc2\x9b\x33\x31m", "\xe2\x80\xaegnp.exe\x7f"};
        char *text = print(cells, 4, 0);

        assert_string_equal(text, "CODE  PRICE  DESCRIPTION  AT\n"
                                  "?[2J    1?2  ?31m         ?gnp.exe?\n");
        free(text);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_layout),  cmocka_unit_test(test_empty),   cmocka_unit_test(test_width),
                cmocka_unit_test(test_shrinks), cmocka_unit_test(test_hostile),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
