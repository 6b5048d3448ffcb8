/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "base/header.h"

static const struct header items[] = {{"", "in a list"}, {"", .type = HEADER_INT, .number = -3}, {0}};
static const struct header headers[] = {
        {"text", "hola"},
        {"nothing", NULL},
        {"null", .type = HEADER_NULL},
        {"list", .type = HEADER_LIST, .items = items},
        {"empty", .type = HEADER_LIST},
        {"real", .type = HEADER_REAL, .real = 2.5},
        {"text", "the second of its name"},
        {0},
};

/* The first of a name counts; only a text has one. */
static void test_find(void **state)
{
        assert_string_equal(header_text(headers, "text"), "hola");
        assert_string_equal(header_text(headers, "nothing"), "");
        assert_null(header_text(headers, "null"));
        assert_null(header_text(headers, "absent"));
        assert_null(header_text(NULL, "text"));
        assert_int_equal(headers_count(headers), 7);
        assert_int_equal(headers_count(NULL), 0);
}

/* A copy owns all that it shows and fills exactly what was measured. */
static void test_copy(void **state)
{
        struct headers_size size = headers_measure(headers);
        struct header *block = malloc(size.n_structs * sizeof(struct header) + size.n_bytes),
                      *structs = block;
        char *bytes = (char *)(block + size.n_structs);
        const struct header *copy;

        copy = headers_copy(headers, &structs, &bytes);
        assert_ptr_equal(structs, block + size.n_structs);
        assert_ptr_equal(bytes, (char *)(block + size.n_structs) + size.n_bytes);
        assert_int_equal(headers_count(copy), 7);
        assert_string_equal(copy[0].text, "hola");
        assert_ptr_not_equal(copy[0].text, headers[0].text);
        assert_string_equal(copy[3].items[0].text, "in a list");
        assert_int_equal(copy[3].items[1].number, -3);
        assert_int_equal(headers_count(copy[3].items), 2);
        assert_int_equal(headers_count(copy[4].items), 0);
        assert_true(copy[5].real == 2.5);
        free(block);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_find),
                cmocka_unit_test(test_copy),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
