/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <string.h>

#include "base/macro.h"
#include "products/product_import.h"

struct import_case {
        enum import_format format;
        const char *text, *rows, *errors;
};

static void check(const struct import_case *c, size_t step)
{
        size_t size = strlen(c->text);
        struct product_import i;
        int r = 0;

        product_import_init(&i, c->format, 3);
        for (size_t at = 0; r == 0 && at < size; at += step)
                r = product_import_feed(&i, c->text + at, MIN_OF(step, size - at));
        if (r == 0)
                r = product_import_end(&i);
        assert_true(r == 0 || r == -E2BIG);
        assert_true((r == 0 && i.n_errors == 0) == !*c->errors);
        buf_append_char(&i.rows, '\0');
        buf_append_char(&i.errors, '\0');
        assert_string_equal(buf_bytes(&i.rows), c->rows);
        assert_string_equal(buf_bytes(&i.errors), c->errors);
        product_import_done(&i);
}

static void check_all(const struct import_case *cases, size_t n)
{
        for (size_t i = 0; i < n; i++)
                for (size_t step = 1; step < 200; step += step < 5 ? 1 : 50)
                        check(&cases[i], step);
}

#define MARK "\xef\xbb\xbf"
#define ONE "{\"code\":\"A\",\"description\":\"d\",\"buying_price\":\"1\",\"selling_price\":\"2.5\"}"
#define ONE_ROW "\tA\td\t1.00\t2.50\n"
#define HEAD "code,description,buying_price,selling_price\n"

/* One JSON object a line becomes one row of COPY's text; what is wrong is told with its line. */
static void test_ndjson(void **state)
{
        static const struct import_case cases[] = {
                {IMPORT_NDJSON, "", "", ""},
                {IMPORT_NDJSON, "\n\r\n", "", ""},
                {IMPORT_NDJSON, ONE, "1" ONE_ROW, ""},
                {IMPORT_NDJSON, MARK ONE "\r\n\n" ONE "\n", "1" ONE_ROW "3" ONE_ROW, ""},
                {IMPORT_NDJSON,
                 "{\"code\":\"A\",\"description\":\"a\\tb\\nc\\rd\\\\N\",\"buying_price\":\"0\","
                 "\"selling_price\":\"0\"}\n",
                 "1\tA\ta\\tb\\nc\\rd\\\\N\t0.00\t0.00\n", ""},
                {IMPORT_NDJSON, ONE "\nx\n" ONE, "1" ONE_ROW "3" ONE_ROW,
                 "{\"line\":2,\"path\":\"/2\",\"reason\":\"is not valid JSON at line 1, column 1: invalid "
                 "token "
                 "near 'x'\"}"},
                {IMPORT_NDJSON, "[]", "", "{\"line\":1,\"path\":\"/1\",\"reason\":\"must be an object\"}"},
                {IMPORT_NDJSON,
                 "{\"code\":\"A\",\"description\":\"d\",\"buying_price\":\"1\",\"selling_price\":2}\n"
                 "{\"code\":\"A/\",\"description\":\"d\",\"buying_price\":\"1\",\"selling_price\":\"2\"}\n",
                 "",
                 "{\"line\":1,\"path\":\"/1/selling_price\",\"reason\":\"must be a decimal string such as "
                 "\\\"12.50\\\"\"},"
                 "{\"line\":2,\"path\":\"/2/code\",\"reason\":\"must not contain '/'\"}"},
                /* no more than asked for, and then it stops */
                {IMPORT_NDJSON, "[]\n[]\n[]\n[]\n" ONE, "",
                 "{\"line\":1,\"path\":\"/1\",\"reason\":\"must be an object\"},"
                 "{\"line\":2,\"path\":\"/2\",\"reason\":\"must be an object\"},"
                 "{\"line\":3,\"path\":\"/3\",\"reason\":\"must be an object\"}"},
        };

        check_all(cases, ARRAY_SIZE(cases));
}

/* CSV: columns by name in any order; an export's own columns are taken and ignored. */
static void test_csv(void **state)
{
        static const struct import_case cases[] = {
                {IMPORT_CSV, "", "", "{\"line\":1,\"path\":\"/1\",\"reason\":\"there is no header line\"}"},
                {IMPORT_CSV, HEAD, "", ""},
                {IMPORT_CSV, MARK HEAD "A,d,1,2.5\n\nA,d,1,2.5", "2" ONE_ROW "4" ONE_ROW, ""},
                {IMPORT_CSV, "selling_price,version,code,buying_price,description\n2.5,x,A,1,d\n",
                 "2" ONE_ROW, ""},
                {IMPORT_CSV, HEAD "A,\"d \"\"q\"\"\nz\",1,2\r\nA,d,1,2.5\r\n",
                 "2\tA\td \"q\"\\nz\t1.00\t2.00\n4" ONE_ROW, ""},
                {IMPORT_CSV, "code,price\n", "",
                 "{\"line\":1,\"path\":\"/1\",\"reason\":\"column 2 is not known\"}"},
                {IMPORT_CSV, "code,code\n", "",
                 "{\"line\":1,\"path\":\"/1\",\"reason\":\"column 2 is named like one before it\"}"},
                {IMPORT_CSV, "code,buying_price,selling_price\nA,1,2\n", "",
                 "{\"line\":1,\"path\":\"/1\",\"reason\":\"the header has no column description\"}"},
                {IMPORT_CSV, HEAD "A,d,1\nA,d,,2\nA,\xff,1,2\n", "",
                 "{\"line\":2,\"path\":\"/2\",\"reason\":\"has 3 fields where the header has 4\"},"
                 "{\"line\":3,\"path\":\"/3/buying_price\",\"reason\":\"must be a decimal string such as "
                 "\\\"12.50\\\"\"},"
                 "{\"line\":4,\"path\":\"/4/description\",\"reason\":\"must be UTF-8 text without NUL\"}"},
                {IMPORT_CSV, HEAD "A,\"d,1,2\n", "",
                 "{\"line\":2,\"path\":\"/2\",\"reason\":\"ends inside quotes\"}"},
        };

        check_all(cases, ARRAY_SIZE(cases));
}

/* Without a code each row gets one of its own. */
static void test_made_codes(void **state)
{
        static const char text[] = HEAD ",d,1,2\n,d,1,2\n";
        struct product_import i;
        char *second;

        product_import_init(&i, IMPORT_CSV, 3);
        assert_int_equal(product_import_feed(&i, text, strlen(text)), 0);
        assert_int_equal(product_import_end(&i), 0);
        assert_int_equal(i.n_rows, 2);
        buf_append_char(&i.rows, '\0');
        second = strchr(buf_bytes(&i.rows), '\n') + 1;
        assert_int_equal(strcspn(second + 2, "\t"), 15);
        assert_memory_not_equal(buf_bytes(&i.rows) + 2, second + 2, 15);
        product_import_done(&i);
}

/* A line beyond the limit is one error; those after it are read. */
static void test_too_long(void **state)
{
        char piece[4096];
        struct product_import i;

        memset(piece, 'x', sizeof(piece));
        product_import_init(&i, IMPORT_NDJSON, 3);
        for (size_t n = 0; n < 2 * IMPORT_LINE_MAX; n += sizeof(piece))
                assert_int_equal(product_import_feed(&i, piece, sizeof(piece)), 0);
        assert_int_equal(product_import_feed(&i, "x\n" ONE "\n", strlen("x\n" ONE "\n")), 0);
        assert_int_equal(product_import_end(&i), 0);
        buf_append_char(&i.rows, '\0');
        buf_append_char(&i.errors, '\0');
        assert_string_equal(buf_bytes(&i.rows), "2" ONE_ROW);
        assert_string_equal(buf_bytes(&i.errors), "{\"line\":1,\"path\":\"/1\",\"reason\":\"is too long\"}");
        product_import_done(&i);
}

int main(void)
{
        static const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_ndjson),
                cmocka_unit_test(test_csv),
                cmocka_unit_test(test_made_codes),
                cmocka_unit_test(test_too_long),
        };

        return cmocka_run_group_tests_name("product_import", tests, NULL, NULL);
}
