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
#include "web/web_cursor.h"

static char *encode(const char *context, const struct web_cursor *c)
{
        struct buf b = BUF_EMPTY;

        web_cursor_encode(&b, context, c);
        return buf_take(&b, NULL);
}

/* A cursor comes back as it went, whatever its keys hold, and needs no escaping in a URL. */
static void test_round_trip(void **state)
{
        static const struct web_cursor cursors[] = {
                {.backward = false, .n_keys = 1, .keys = {(char *)"A1"}},
                {.backward = true, .n_keys = 2, .keys = {(char *)"12.50", (char *)"A-1_.x"}},
                {.backward = true, .n_keys = 0},
                {.backward = false,
                 .n_keys = 2,
                 .keys = {(char *)"", (char *)"\"quoted\\ añ \xf0\x9f\x8d\x8b"}},
        };

        for (size_t i = 0; i < ARRAY_SIZE(cursors); i++) {
                _cleanup_free_ char *text = encode("/api/things&ordering=x", &cursors[i]);
                struct web_cursor back;

                assert_int_equal(
                        strspn(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"),
                        strlen(text));
                assert_int_equal(web_cursor_decode(text, "/api/things&ordering=x", &back), 0);
                assert_int_equal(back.backward, cursors[i].backward);
                assert_int_equal(back.n_keys, cursors[i].n_keys);
                for (unsigned k = 0; k < back.n_keys; k++)
                        assert_string_equal(back.keys[k], cursors[i].keys[k]);
                web_cursor_done(&back);
        }
}

/* A cursor of another list, ordering or filter is refused: it would silently leave rows out. */
static void test_other_context(void **state)
{
        struct web_cursor c = {.n_keys = 1, .keys = {(char *)"A1"}}, back;
        _cleanup_free_ char *text = encode("/api/things", &c);

        assert_int_equal(web_cursor_decode(text, "/api/thing", &back), -EBADMSG);
        assert_int_equal(web_cursor_decode(text, "/api/things&ordering=-x", &back), -EBADMSG);
        assert_int_equal(web_cursor_decode(text, "", &back), -EBADMSG);
}

/* Damage of any one character is noticed. */
static void test_tampered(void **state)
{
        struct web_cursor c = {.n_keys = 2, .keys = {(char *)"12.50", (char *)"A1"}}, back;
        _cleanup_free_ char *text = encode("/api/things", &c);

        for (size_t i = 0; text[i]; i++) {
                char before = text[i];

                text[i] = before == 'A' ? 'B' : 'A';
                assert_int_equal(web_cursor_decode(text, "/api/things", &back), -EBADMSG);
                text[i] = before;
        }
        text[strlen(text) - 1] = '\0';
        assert_int_equal(web_cursor_decode(text, "/api/things", &back), -EBADMSG);
}

/* Anything else is no cursor. */
static void test_garbage(void **state)
{
        static const char *const bad[] = {"",
                                          "A",
                                          "====",
                                          "e30",
                                          "W10",
                                          "bnVsbA",
                                          "!!!!",
                                          "eyJjIjoiIn0",
                                          "e30=",
                                          " e30",
                                          "eyJjIjoiMCIsImIiOmZhbHNlLCJrIjpbMV19" /* a number as key */};
        char longest[WEB_CURSOR_MAX + 2];
        struct web_cursor back;

        for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
                assert_int_equal(web_cursor_decode(bad[i], "/api/things", &back), -EBADMSG);
        memset(longest, 'A', sizeof(longest) - 1);
        longest[sizeof(longest) - 1] = '\0';
        assert_int_equal(web_cursor_decode(longest, "/api/things", &back), -EBADMSG);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_round_trip),
                cmocka_unit_test(test_other_context),
                cmocka_unit_test(test_tampered),
                cmocka_unit_test(test_garbage),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
