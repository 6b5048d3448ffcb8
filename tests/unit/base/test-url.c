/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/url.h"

static int decode(const char *s, bool form, char out[32])
{
        return url_decode(s, strlen(s), form, out, 32);
}

/* Escapes become bytes; '+' is a space in forms only; a broken escape or an encoded NUL is refused. */
static void test_decode(void **state)
{
        char out[32];

        assert_int_equal(decode("a%20b+c", true, out), 0);
        assert_string_equal(out, "a b c");
        assert_int_equal(decode("a+b%2Bc%2f", false, out), 0);
        assert_string_equal(out, "a+b+c/");
        assert_int_equal(decode("", true, out), 0);
        assert_string_equal(out, "");
        assert_int_equal(decode("%", true, out), -EINVAL);
        assert_int_equal(decode("%4", true, out), -EINVAL);
        assert_int_equal(decode("%zz", true, out), -EINVAL);
        assert_int_equal(decode("%00", true, out), -EINVAL);
        assert_int_equal(url_decode("a\0b", 3, true, out, sizeof(out)), -EINVAL);
}

/* The NUL needs room too, and a buffer of nothing takes nothing. */
static void test_decode_room(void **state)
{
        char out[4];

        assert_int_equal(url_decode("abc", 3, true, out, 4), 0);
        assert_int_equal(url_decode("abcd", 4, true, out, 4), -ENOBUFS);
        assert_int_equal(url_decode("", 0, true, out, 0), -ENOBUFS);
}

/* What is encoded decodes to itself, byte for byte. */
static void test_encode(void **state)
{
        _cleanup_free_ char *text = NULL;
        struct buf b = BUF_EMPTY;
        char all[256], back[256];
        size_t n;

        for (int i = 1; i < 256; i++)
                all[i - 1] = (char)i;
        all[255] = '\0';
        url_encode(&b, all);
        text = buf_take(&b, &n);
        assert_non_null(strstr(text, "%2B"));
        assert_non_null(strstr(text, "ABCDEF"));
        assert_int_equal(url_decode(text, n, true, back, sizeof(back)), 0);
        assert_string_equal(back, all);
}

/* Parameters come in order, decoded; one without '=' has an empty value; empty ones are passed over. */
static void test_query(void **state)
{
        const char *text = "limit=2&ordering=-selling_price&&flag&name=a%26b+c&limit=3&=x";
        struct url_query q;

        assert_int_equal(url_query_parse(text, strlen(text), &q), 0);
        assert_int_equal(q.n_params, 6);
        assert_string_equal(url_query_get(&q, "limit"), "2");
        assert_string_equal(url_query_get(&q, "ordering"), "-selling_price");
        assert_string_equal(url_query_get(&q, "flag"), "");
        assert_string_equal(url_query_get(&q, "name"), "a&b c");
        assert_string_equal(url_query_get(&q, ""), "x");
        assert_null(url_query_get(&q, "no"));
        url_query_done(&q);
        assert_int_equal(url_query_parse("", 0, &q), 0);
        assert_int_equal(q.n_params, 0);
        url_query_done(&q);
}

/* Not UTF-8, a broken escape and too many parameters are each refused, and leave nothing to free. */
static void test_query_bad(void **state)
{
        char many[2 * URL_QUERY_MAX + 2];
        struct url_query q;

        assert_int_equal(url_query_parse("a=%ff", 5, &q), -EINVAL);
        assert_int_equal(url_query_parse("%ff=a", 5, &q), -EINVAL);
        assert_int_equal(url_query_parse("a=%4", 4, &q), -EINVAL);
        assert_int_equal(url_query_parse("a=%00", 5, &q), -EINVAL);
        for (size_t i = 0; i < sizeof(many); i += 2)
                memcpy(many + i, "a&", 2);
        assert_int_equal(url_query_parse(many, sizeof(many), &q), -E2BIG);
        assert_null(q.text);
        assert_int_equal(url_query_parse(many, 2 * URL_QUERY_MAX, &q), 0);
        assert_int_equal(q.n_params, URL_QUERY_MAX);
        url_query_done(&q);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_decode),    cmocka_unit_test(test_decode_room),
                cmocka_unit_test(test_encode),    cmocka_unit_test(test_query),
                cmocka_unit_test(test_query_bad),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
