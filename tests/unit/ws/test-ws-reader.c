/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "base/macro.h"
#include "ws/ws_frame.h"
#include "ws/ws_reader.h"

#define MESSAGE_MAX 1000

struct fixture {
        struct ws_reader *reader;
        struct buf reply;
        unsigned code;
};

static int set_up(void **state)
{
        static struct fixture f;

        f = (struct fixture){0};
        *state = &f;
        return 0;
}

static int tear_down(void **state)
{
        struct fixture *f = *state;

        ws_reader_free(f->reader);
        buf_done(&f->reply);
        return 0;
}

/* A frame as a client sends it; the mask is 1, 2, 3, 4. */
static size_t frame(char *out, unsigned first, const char *payload, size_t n)
{
        size_t at = 2;

        out[0] = (char)first;
        if (n < 126)
                out[1] = (char)(0x80 | n);
        else {
                out[1] = (char)(0x80 | 126);
                out[2] = (char)(n >> 8);
                out[3] = (char)(n & 0xff);
                at = 4;
        }
        for (size_t i = 0; i < 4; i++)
                out[at++] = (char)(i + 1);
        for (size_t i = 0; i < n; i++)
                out[at++] = (char)(payload[i] ^ (char)(i % 4 + 1));
        return at;
}

static int feed(struct fixture *f, const char *p, size_t n)
{
        return ws_reader_feed(&f->reader, MESSAGE_MAX, p, n, &f->reply, &f->code);
}

static int feed_frame(struct fixture *f, unsigned first, const char *payload, size_t n)
{
        char bytes[2048];

        return feed(f, bytes, frame(bytes, first, payload, n));
}

/* The frame that answers: its first byte, its code if it has one. */
static unsigned closes_with(struct fixture *f)
{
        const unsigned char *p = (const unsigned char *)buf_bytes(&f->reply);

        assert_true(buf_size(&f->reply) >= 4);
        assert_int_equal(p[0], 0x88);
        return (unsigned)p[2] << 8 | p[3];
}

/* A whole message leaves nothing behind: a quiet client costs no reader. */
static void test_nothing_stays(void **state)
{
        struct fixture *f = *state;

        assert_int_equal(feed_frame(f, 0x81, "hello", 5), 0);
        assert_null(f->reader);
        assert_int_equal(buf_size(&f->reply), 0);
        assert_int_equal(feed_frame(f, 0x82, "", 0), 0);
        assert_null(f->reader);
}

/* Byte by byte, at every place where it can be cut. */
static void test_in_pieces(void **state)
{
        struct fixture *f = *state;
        char bytes[512], payload[200];
        size_t n;

        memset(payload, 'x', sizeof(payload));
        n = frame(bytes, 0x81, payload, sizeof(payload));
        for (size_t i = 0; i < n; i++) {
                assert_int_equal(feed(f, bytes + i, 1), 0);
                assert_true((f->reader == NULL) == (i == n - 1));
        }
}

/* Fragments, with a ping between them that is answered at once. */
static void test_fragments(void **state)
{
        struct fixture *f = *state;

        assert_int_equal(feed_frame(f, 0x01, "a", 1), 0);
        assert_non_null(f->reader);
        assert_int_equal(feed_frame(f, 0x89, "now", 3), 0);
        assert_int_equal(buf_size(&f->reply), 5);
        assert_memory_equal(buf_bytes(&f->reply), "\x8a\x03now", 5);
        assert_int_equal(feed_frame(f, 0x00, "b", 1), 0);
        assert_non_null(f->reader);
        assert_int_equal(feed_frame(f, 0x80, "c", 1), 0);
        assert_null(f->reader);
}

/* Two frames and a half in one read. */
static void test_together(void **state)
{
        struct fixture *f = *state;
        char bytes[64];
        size_t n = frame(bytes, 0x89, "1", 1), whole;

        n += frame(bytes + n, 0x81, "text", 4);
        whole = n + frame(bytes + n, 0x89, "2", 1);
        assert_int_equal(feed(f, bytes, n + 3), 0);
        assert_non_null(f->reader);
        assert_int_equal(buf_size(&f->reply), 3);
        assert_int_equal(feed(f, bytes + n + 3, whole - n - 3), 0);
        assert_null(f->reader);
        assert_int_equal(buf_size(&f->reply), 6);
}

/* What RFC 6455 forbids ends the connection with the code that it says. */
static void test_forbidden(void **state)
{
        static const struct {
                const char *what, *bytes;
                size_t n;
                unsigned code;
        } cases[] = {
                {"no mask", "\x81\x01x", 3, 1002},
                {"reserved bit", "\xc1\x80\1\2\3\4", 6, 1002},
                {"reserved opcode", "\x83\x80\1\2\3\4", 6, 1002},
                {"reserved control opcode", "\x8b\x80\1\2\3\4", 6, 1002},
                {"continuation of nothing", "\x80\x80\1\2\3\4", 6, 1002},
                {"control frame in fragments", "\x09\x80\1\2\3\4", 6, 1002},
                {"long control frame", "\x89\xfe\x00\x7e\1\2\3\4", 8, 1002},
                {"longer length than needed", "\x81\xfe\x00\x01\1\2\3\4x", 9, 1002},
                {"no UTF-8", "\x81\x81\1\2\3\4\xfe", 7, 1007},
                {"UTF-8 cut off", "\x81\x81\1\2\3\4\xc2", 7, 1007},
                {"close with one byte", "\x88\x81\1\2\3\4x", 7, 1002},
                {"close with a code that is none", "\x88\x82\1\2\3\4\x02\xe5", 8, 1002},
                {"too long at once", "\x82\xfe\x03\xe9\1\2\3\4x", 9, 1009},
        };

        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                struct fixture f = {0};

                if (feed(&f, cases[i].bytes, cases[i].n) != 1)
                        fail_msg("%s was taken", cases[i].what);
                if (buf_size(&f.reply) < 4)
                        fail_msg("%s: no code", cases[i].what);
                if (closes_with(&f) != cases[i].code || f.code != cases[i].code)
                        fail_msg("%s: %u", cases[i].what, f.code);
                ws_reader_free(f.reader);
                buf_done(&f.reply);
        }
}

/* The limit holds for the message, not for its frames. */
static void test_too_long_in_fragments(void **state)
{
        struct fixture *f = *state;
        char payload[600];

        memset(payload, 'x', sizeof(payload));
        assert_int_equal(feed_frame(f, 0x01, payload, sizeof(payload)), 0);
        assert_int_equal(feed_frame(f, 0x80, payload, sizeof(payload)), 1);
        assert_int_equal(closes_with(f), 1009);
}

/* A client's close is answered with its code. */
static void test_close(void **state)
{
        struct fixture *f = *state;

        assert_int_equal(feed_frame(f, 0x88,
                                    "\x03\xe8"
                                    "bye",
                                    5),
                         1);
        assert_int_equal(f->code, 1000);
        assert_int_equal(closes_with(f), 1000);
}

static void test_written(void **state)
{
        struct fixture *f = *state;
        struct ws_frame *made;
        char text[70000];
        size_t n;

        ws_write_ping(&f->reply);
        assert_int_equal(buf_size(&f->reply), 2);
        assert_memory_equal(buf_bytes(&f->reply), "\x89\x00", 2);
        buf_reset(&f->reply);
        ws_write_close(&f->reply, 1013, "slow");
        assert_int_equal(buf_size(&f->reply), 8);
        assert_memory_equal(buf_bytes(&f->reply), "\x88\x06\x03\xf5slow", 8);
        memset(text, 'x', sizeof(text));
        assert_int_equal(ws_frame_new(&made, text, 5), 0);
        assert_memory_equal(made->bytes, "\x81\x05xxxxx", 7);
        assert_int_equal(made->size, 7);
        ws_frame_unref(made);
        assert_int_equal(ws_frame_new(&made, text, 300), 0);
        assert_memory_equal(made->bytes, "\x81\x7e\x01\x2cx", 5);
        ws_frame_unref(made);
        assert_int_equal(ws_frame_new(&made, text, sizeof(text)), 0);
        assert_memory_equal(made->bytes, "\x81\x7f\0\0\0\0\0\x01\x11\x70x", 11);
        assert_memory_equal(ws_frame_text(made, &n), text, sizeof(text));
        assert_int_equal(n, sizeof(text));
        ws_frame_unref(made);
}

int main(void)
{
        static const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(test_nothing_stays, set_up, tear_down),
                cmocka_unit_test_setup_teardown(test_in_pieces, set_up, tear_down),
                cmocka_unit_test_setup_teardown(test_fragments, set_up, tear_down),
                cmocka_unit_test_setup_teardown(test_together, set_up, tear_down),
                cmocka_unit_test(test_forbidden),
                cmocka_unit_test_setup_teardown(test_too_long_in_fragments, set_up, tear_down),
                cmocka_unit_test_setup_teardown(test_close, set_up, tear_down),
                cmocka_unit_test_setup_teardown(test_written, set_up, tear_down),
        };

        return cmocka_run_group_tests_name("ws_reader", tests, NULL, NULL);
}
