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
#include "rpc/rpc_codec.h"
#include "tests/lib/echo.pb-c.h"

#define TYPE &lonja__test__echo_request__descriptor

static int decode(const void *p, size_t n)
{
        struct ProtobufCMessage *m = NULL;
        size_t heap;
        int r = rpc_codec_decode(TYPE, p, n, &m, &heap);

        if (r == 0)
                assert_true(heap > 0);
        rpc_codec_free(m);
        return r;
}

/* What is encoded decodes to the same; the empty message is one. */
static void test_round_trip(void **state)
{
        Lonja__Test__EchoRequest q = LONJA__TEST__ECHO_REQUEST__INIT, *back;
        struct ProtobufCMessage *m;
        struct buf out = BUF_EMPTY;
        size_t heap;

        q.text = (char *)"ñandú";
        q.delay_msec = 300;
        assert_int_equal(rpc_codec_encode(&out, &q.base, rpc_codec_size(&q.base)), 0);
        assert_int_equal(rpc_codec_decode(TYPE, buf_bytes(&out), buf_size(&out), &m, &heap), 0);
        back = (Lonja__Test__EchoRequest *)(void *)m;
        assert_string_equal(back->text, "ñandú");
        assert_int_equal(back->delay_msec, 300);
        rpc_codec_free(m);
        buf_done(&out);
        assert_int_equal(decode(NULL, 0), 0);
}

/* Strings are UTF-8 without NUL; bytes are anything. */
static void test_strings(void **state)
{
        assert_int_equal(decode("\x0a\x02\xc3\xb1", 4), 0);
        assert_int_equal(decode("\x0a\x02\xc3\x28", 4), -EILSEQ);
        assert_int_equal(decode("\x0a\x03"
                                "a\0b",
                                5),
                         -EILSEQ);
        assert_int_equal(decode("\x12\x03"
                                "\xff\0b",
                                5),
                         0);
}

static void test_malformed(void **state)
{
        assert_int_equal(decode("\x0a\x05"
                                "ab",
                                4),
                         -EBADMSG);
        assert_int_equal(decode("\x0a", 1), -EBADMSG);
        assert_int_equal(decode("\x18\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", 12), -EBADMSG);
        assert_int_equal(decode("\x0f", 1), -EBADMSG);
}

/* Messages in messages beyond the limit are refused before anything recurses into them. */
static void test_depth(void **state)
{
        uint8_t bytes[2000];
        size_t n = 0;

        /* Length first, innermost last: built from the end. */
        for (size_t depth = 0; depth < 500; depth++) {
                size_t size = n, head = size < 128 ? 2 : 3;

                memmove(bytes + head, bytes, size);
                bytes[0] = 0x4a;
                if (size < 128)
                        bytes[1] = (uint8_t)size;
                else {
                        bytes[1] = (uint8_t)(size & 0x7f) | 0x80;
                        bytes[2] = (uint8_t)(size >> 7);
                }
                n += head;
                if (depth == RPC_CODEC_DEPTH_MAX - 2)
                        assert_int_equal(decode(bytes, n), 0);
        }
        assert_int_equal(decode(bytes, n), -ELOOP);
}

static void fill(uint8_t *bytes, size_t n, uint8_t length)
{
        memset(bytes, 'x', n);
        for (size_t i = 0; i + length + 2 <= n; i += length + 2U) {
                bytes[i] = 0x52; /* words */
                bytes[i + 1] = length;
        }
}

/* Texts of some length take a few times their size; many empty ones would take thirty times, and only a small
 * message may. */
static void test_budget(void **state)
{
        size_t n = 22 * 100000;
        _cleanup_free_ uint8_t *bytes = malloc(n);

        assert_non_null(bytes);
        fill(bytes, n, 20);
        assert_int_equal(decode(bytes, n), 0);
        fill(bytes, n, 0);
        assert_int_equal(decode(bytes, 1000), 0);
        assert_int_equal(decode(bytes, n), -E2BIG);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_round_trip), cmocka_unit_test(test_strings),
                cmocka_unit_test(test_malformed),  cmocka_unit_test(test_depth),
                cmocka_unit_test(test_budget),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
