/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <string.h>

#include "base/alloc.h"
#include "base/macro.h"
#include "base/str.h"

/* NULL equals NULL and nothing else. */
static void test_streq_ptr(void **state)
{
        assert_true(streq_ptr(NULL, NULL));
        assert_false(streq_ptr(NULL, ""));
        assert_false(streq_ptr("", NULL));
        assert_true(streq_ptr("a", "a"));
}

/* A prefix is cut off, a suffix recognised, neither when longer than the text. */
static void test_affixes(void **state)
{
        assert_string_equal(startswith("lonja-products", "lonja-"), "products");
        assert_string_equal(startswith("abc", "abc"), "");
        assert_null(startswith("ab", "abc"));
        assert_true(endswith("50-setup.conf", ".conf"));
        assert_false(endswith("conf", ".conf"));
}

/* Every well-formed length passes; overlong forms, surrogates, strays, cuts and NUL do not. */
static void test_utf8(void **state)
{
        static const char *const good[] = {"",
                                           "plain",
                                           "\xc3\xb1",
                                           "\xe2\x82\xac",
                                           "\xf0\x9f\x98\x80",
                                           "\xed\x9f\xbf",
                                           "\xee\x80\x80",
                                           "\xf4\x8f\xbf\xbf"};
        static const char *const bad[] = {"\x80",
                                          "\xc0\xaf",
                                          "\xc1\xbf",
                                          "\xe0\x9f\xbf",
                                          "\xed\xa0\x80",
                                          "\xf0\x8f\xbf\xbf",
                                          "\xf4\x90\x80\x80",
                                          "\xf5\x80\x80\x80",
                                          "\xff",
                                          "a\xc3",
                                          "\xe2\x82",
                                          "\xf0\x9f\x98",
                                          "\xc3(",
                                          "\xe2\x82("};

        for (size_t i = 0; i < ARRAY_SIZE(good); i++)
                assert_true(utf8_is_valid(good[i], strlen(good[i])));
        for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
                assert_false(utf8_is_valid(bad[i], strlen(bad[i])));
        assert_false(utf8_is_valid("a\0b", 3));
        assert_int_equal(utf8_length("a\xc3\xb1\xf0\x9f\x98\x80", 7), 3);
}

/* Hex goes both ways, in either case; a wrong length or digit is refused. */
static void test_hex(void **state)
{
        unsigned char bytes[3];
        char hex[7];

        hex_encode("\x00\xab\xff", 3, hex);
        assert_string_equal(hex, "00abff");
        assert_int_equal(hex_decode("00ABff", bytes, 3), 0);
        assert_memory_equal(bytes, "\x00\xab\xff", 3);
        assert_int_equal(hex_decode("00ab", bytes, 3), -EINVAL);
        assert_int_equal(hex_decode("00abfg", bytes, 3), -EINVAL);
        assert_int_equal(hex_decode("00abff00", bytes, 3), -EINVAL);
}

/* A field is replaced by a copy, and cleared by NULL. */
static void test_strdup_to(void **state)
{
        char text[] = "one", *field = NULL;

        assert_int_equal(strdup_to(&field, text), 0);
        text[0] = 'x';
        assert_string_equal(field, "one");
        assert_int_equal(strdup_to(&field, "two"), 0);
        assert_string_equal(field, "two");
        assert_int_equal(strdup_to(&field, NULL), 0);
        assert_null(field);
}

/* A copy of bytes ends with a NUL of its own. */
static void test_memdup_str(void **state)
{
        _cleanup_free_ char *copy = memdup_str("abcdef", 3);
        _cleanup_free_ char *empty = memdup_str(NULL, 0);

        assert_string_equal(copy, "abc");
        assert_string_equal(empty, "");
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_streq_ptr), cmocka_unit_test(test_affixes),
                cmocka_unit_test(test_utf8),      cmocka_unit_test(test_hex),
                cmocka_unit_test(test_strdup_to), cmocka_unit_test(test_memdup_str),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
