/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* in this order */
#include <cmocka.h>

#include "base/alloc.h"
#include "base/macro.h"
#include "rpc/grpc_frame.h"

/* A prefix is five bytes: flag and big-endian size; an unknown flag is an error, too few bytes are not. */
static void test_prefix(void **state)
{
        struct grpc_prefix prefix;
        uint8_t bytes[GRPC_PREFIX_BYTES];

        grpc_prefix_encode(0x01020304, bytes);
        assert_memory_equal(bytes, "\0\1\2\3\4", 5);
        assert_int_equal(grpc_prefix_decode(bytes, 4, &prefix), -EAGAIN);
        assert_int_equal(grpc_prefix_decode(bytes, 5, &prefix), 0);
        assert_int_equal(prefix.size, 0x01020304);
        assert_false(prefix.is_compressed);
        assert_int_equal(grpc_prefix_decode("\1\0\0\0\0", 5, &prefix), 0);
        assert_true(prefix.is_compressed);
        assert_int_equal(grpc_prefix_decode("\2\0\0\0\0", 5, &prefix), -EBADMSG);
}

/* At most eight digits and one unit; nanoseconds are rounded up. */
static void test_timeout(void **state)
{
        static const struct {
                const char *text;
                int result;
                usec_t usec;
        } table[] = {
                {"10S", 0, 10 * USEC_PER_SEC},
                {"250m", 0, 250 * USEC_PER_MSEC},
                {"100u", 0, 100},
                {"1n", 0, 1},
                {"1001n", 0, 2},
                {"0S", 0, 0},
                {"2M", 0, 120 * USEC_PER_SEC},
                {"99999999H", 0, UINT64_C(99999999) * 3600 * USEC_PER_SEC},
                {"100000000S", -EINVAL, 0},
                {"S", -EINVAL, 0},
                {"10", -EINVAL, 0},
                {"", -EINVAL, 0},
                {"-1S", -EINVAL, 0},
                {"1.5S", -EINVAL, 0},
                {"1s", -EINVAL, 0},
                {"1 S", -EINVAL, 0},
        };
        usec_t usec;

        for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
                assert_int_equal(grpc_timeout_decode(table[i].text, &usec), table[i].result);
                if (table[i].result == 0)
                        assert_int_equal(usec, table[i].usec);
        }
}

/* The finest unit that takes it. */
static void test_timeout_encode(void **state)
{
        char text[GRPC_TIMEOUT_SIZE];

        grpc_timeout_encode(99999999, text);
        assert_string_equal(text, "99999999u");
        grpc_timeout_encode(100 * USEC_PER_SEC, text);
        assert_string_equal(text, "100000m");
        grpc_timeout_encode(USEC_INFINITY, text);
        assert_string_equal(text, "99999999H");
}

static void test_content_type(void **state)
{
        assert_true(grpc_content_type_is_ours("application/grpc"));
        assert_true(grpc_content_type_is_ours("application/grpc+proto"));
        assert_true(grpc_content_type_is_ours("application/grpc;charset=utf-8"));
        assert_false(grpc_content_type_is_ours("application/grpc+json"));
        assert_false(grpc_content_type_is_ours("application/grpc-web"));
        assert_false(grpc_content_type_is_ours("application/json"));
        assert_false(grpc_content_type_is_ours(""));
}

/* Printable ASCII but '%' stays; everything decodes to what it was, and what is no escape stays. */
static void test_message(void **state)
{
        static const char text[] = "ñandú 100%\n~";
        struct buf out = BUF_EMPTY;
        char odd[] = "100% %zz %4 %41";

        grpc_message_encode(&out, text);
        buf_append_char(&out, '\0');
        assert_string_equal(buf_bytes(&out), "%C3%B1and%C3%BA 100%25%0A~");
        grpc_message_decode(buf_bytes(&out));
        assert_string_equal(buf_bytes(&out), text);
        buf_done(&out);
        grpc_message_decode(odd);
        assert_string_equal(odd, "100% %zz %4 A");
}

static void test_names(void **state)
{
        assert_true(grpc_name_is_binary("trace-bin"));
        assert_false(grpc_name_is_binary("trace"));
        assert_true(grpc_name_is_valid("x-request-id"));
        assert_false(grpc_name_is_valid("grpc-status"));
        assert_false(grpc_name_is_valid(":path"));
        assert_false(grpc_name_is_valid("X-Upper"));
        assert_false(grpc_name_is_valid(""));
}

/* RFC 4648 section 10, with and without padding. */
static void test_base64(void **state)
{
        static const char *const table[][2] = {{"", ""},
                                               {"f", "Zg=="},
                                               {"fo", "Zm8="},
                                               {"foo", "Zm9v"},
                                               {"foob", "Zm9vYg=="},
                                               {"fooba", "Zm9vYmE="},
                                               {"foobar", "Zm9vYmFy"}};
        uint8_t bytes[64];
        size_t n;

        for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
                struct buf out = BUF_EMPTY;
                size_t bare = strcspn(table[i][1], "=");

                grpc_base64_encode(&out, table[i][0], strlen(table[i][0]));
                buf_append_char(&out, '\0');
                assert_string_equal(buf_bytes(&out), table[i][1]);
                buf_done(&out);
                assert_int_equal(grpc_base64_decode(table[i][1], strlen(table[i][1]), bytes, &n), 0);
                assert_int_equal(n, strlen(table[i][0]));
                assert_memory_equal(bytes, table[i][0], n);
                assert_int_equal(grpc_base64_decode(table[i][1], bare, bytes, &n), 0);
                assert_int_equal(n, strlen(table[i][0]));
        }
        assert_int_equal(grpc_base64_decode("Zh==", 4, bytes, &n), -EINVAL);
        assert_int_equal(grpc_base64_decode("Z", 1, bytes, &n), -EINVAL);
        assert_int_equal(grpc_base64_decode("Zm9*", 4, bytes, &n), -EINVAL);
        assert_int_equal(grpc_base64_decode("Zg==Zg==", 8, bytes, &n), -EINVAL);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_prefix),         cmocka_unit_test(test_timeout),
                cmocka_unit_test(test_timeout_encode), cmocka_unit_test(test_content_type),
                cmocka_unit_test(test_message),        cmocka_unit_test(test_names),
                cmocka_unit_test(test_base64),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
