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
#include "base/buf.h"

/* What is appended comes out in order, whatever mixture of appends and consumption came before. */
static void test_append_and_consume(void **state)
{
        struct buf b = BUF_EMPTY;
        char expected[4096];
        size_t in = 0, out = 0;

        for (size_t i = 0; i < sizeof(expected); i++)
                expected[i] = (char)('a' + i % 26);
        for (size_t step = 1; in < sizeof(expected); step = step * 2 % 97 + 1) {
                size_t n = MIN_OF(step, sizeof(expected) - in), half;

                buf_append(&b, expected + in, n);
                in += n;
                half = buf_size(&b) / 2;
                assert_memory_equal(buf_bytes(&b), expected + out, buf_size(&b));
                buf_consume(&b, half);
                out += half;
        }
        assert_int_equal(buf_size(&b), in - out);
        assert_memory_equal(buf_bytes(&b), expected + out, in - out);
        buf_done(&b);
}

/* An empty buffer has no bytes and no error, and may be consumed, taken and freed. */
static void test_empty(void **state)
{
        _cleanup_free_ char *text = NULL;
        struct buf b = BUF_EMPTY;
        size_t n = 1;

        assert_int_equal(buf_size(&b), 0);
        assert_null(buf_bytes(&b));
        assert_int_equal(buf_error(&b), 0);
        buf_append(&b, NULL, 0);
        buf_consume(&b, 0);
        text = buf_take(&b, &n);
        assert_string_equal(text, "");
        assert_int_equal(n, 0);
        buf_done(&b);
}

/* Text longer than the first guess is formatted whole. */
static void test_printf(void **state)
{
        _cleanup_free_ char *text = NULL;
        struct buf b = BUF_EMPTY;
        size_t n;

        buf_printf(&b, "%d-%s", 42, "x");
        buf_printf(&b, "%0500d", 7);
        text = buf_take(&b, &n);
        assert_int_equal(n, 504);
        assert_int_equal(strlen(text), 504);
        assert_memory_equal(text, "42-x000", 7);
        assert_int_equal(text[503], '7');
}

/* A size that cannot be had fails, and everything after it, until the buffer is reset. */
static void test_failure_is_sticky(void **state)
{
        struct buf b = BUF_EMPTY;

        buf_append_str(&b, "before");
        assert_null(buf_reserve(&b, SIZE_MAX));
        assert_int_equal(buf_error(&b), -ENOMEM);
        buf_append_str(&b, "after");
        buf_printf(&b, "after");
        assert_int_equal(buf_size(&b), 6);
        assert_null(buf_take(&b, NULL));
        assert_int_equal(buf_error(&b), 0);
        buf_append_str(&b, "again");
        assert_int_equal(buf_size(&b), 5);
        buf_done(&b);
}

/* Thousands of idle connections own a buffer each: a large one that runs empty gives its memory back. */
static void test_memory_returns(void **state)
{
        struct buf b = BUF_EMPTY;
        char *room = buf_reserve(&b, 100000);

        assert_non_null(room);
        memset(room, 'x', 100000);
        buf_commit(&b, 100000);
        buf_consume(&b, 99999);
        assert_int_equal(*buf_bytes(&b), 'x');
        buf_consume(&b, 1);
        assert_int_equal(b.capacity, 0);
        buf_append_str(&b, "small");
        buf_consume(&b, 5);
        assert_true(b.capacity > 0);
        buf_reset(&b);
        assert_int_equal(buf_size(&b), 0);
        buf_done(&b);
}

/* What is taken starts at the read cursor. */
static void test_take_after_consume(void **state)
{
        _cleanup_free_ char *text = NULL;
        struct buf b = BUF_EMPTY;

        buf_append_str(&b, "head tail");
        buf_consume(&b, 5);
        text = buf_take(&b, NULL);
        assert_string_equal(text, "tail");
        assert_int_equal(buf_size(&b), 0);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_append_and_consume),
                cmocka_unit_test(test_empty),
                cmocka_unit_test(test_printf),
                cmocka_unit_test(test_failure_is_sticky),
                cmocka_unit_test(test_memory_returns),
                cmocka_unit_test(test_take_after_consume),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
