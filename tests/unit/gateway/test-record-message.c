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
#include "base/macro.h"
#include "gateway/record_message.h"

static const struct {
        const char *content_type, *body;
        const char *message; /* NULL: malformed */
} cases[] = {
        {NULL, "hola", "hola"},
        {"", "hola", "hola"},
        {NULL, "{\"message\": \"hola\"}", "hola"},
        {NULL, " {\"message\": \"hola\"}\n", "hola"},
        {"application/octet-stream", "{\"message\": \"hola\"}", "hola"},
        {"application/json", "{\"message\": \"hola\"}", "hola"},
        {"Application/JSON; charset=utf-8", "{\"message\": \"hola\"}", "hola"},
        {"text/plain", "{\"message\": \"hola\"}", "{\"message\": \"hola\"}"},
        {"TEXT/plain; charset=utf-8", "hola", "hola"},
        /* what is no object is text */
        {NULL, "[1]", "[1]"},
        {NULL, "\"hola\"", "\"hola\""},
        {NULL, "{hola", "{hola"},
        /* what is one must be right */
        {NULL, "{}", NULL},
        {NULL, "{\"message\": \"\"}", NULL},
        {NULL, "{\"message\": 7}", NULL},
        {NULL, "{\"message\": null}", NULL},
        {NULL, "{\"message\": \"hola\", \"total\": 1}", NULL},
        {"application/json", "{\"message\": \"a\\u0000b\"}", NULL},
        {"application/json", "hola", NULL},
        {"application/json", "\"hola\"", NULL},
        {"text/plain", "", NULL},
        {NULL, "\xff\xfe", NULL},
};

/* The content type decides, and without one the look of the body. */
static void test_decode(void **state)
{
        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                struct field_errors errors = {.n_errors = 0};
                _cleanup_free_ char *message = NULL;
                int r = record_message_decode(cases[i].content_type, cases[i].body, strlen(cases[i].body),
                                              &message, &errors);

                if (cases[i].message) {
                        assert_int_equal(r, 0);
                        assert_string_equal(message, cases[i].message);
                } else {
                        assert_int_equal(r, -EBADMSG);
                        assert_true(errors.n_errors > 0);
                }
        }
}

/* Code points count, not bytes; NUL is no text. */
static void test_length(void **state)
{
        _cleanup_free_ char *text = malloc(2 * (RECORD_MESSAGE_MAX + 1));

        assert_non_null(text);
        for (size_t i = 0; i <= RECORD_MESSAGE_MAX; i++)
                memcpy(text + 2 * i, "ñ", 2);
        assert_true(record_message_is_valid(text, 2 * RECORD_MESSAGE_MAX));
        assert_false(record_message_is_valid(text, 2 * (RECORD_MESSAGE_MAX + 1)));
        assert_false(record_message_is_valid(text, 3));
        assert_false(record_message_is_valid("", 0));
        assert_false(record_message_is_valid("a\0b", 3));
}

/* Braces hold known names only. */
static void test_template(void **state)
{
        static const char *const good[] = {
                "x", "{message}", "{id}{client_type} {created_at}: {total}",
                "Se ingresó un registro mediante {client_type}, con el mensaje \"{message}\", total {total}"};
        static const char *const bad[] = {"", "{", "}", "{}", "{mesage}", "{message", "{{message}}", "\xff"};
        char too_long[RECORD_TEMPLATE_MAX + 2];
        const char *reason;

        for (size_t i = 0; i < ARRAY_SIZE(good); i++)
                assert_int_equal(record_template_check(good[i], &reason), 0);
        for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
                assert_int_equal(record_template_check(bad[i], &reason), -EINVAL);
                assert_non_null(reason);
        }
        memset(too_long, 'x', sizeof(too_long) - 1);
        too_long[sizeof(too_long) - 1] = '\0';
        assert_int_equal(record_template_check(too_long, &reason), -EINVAL);
        assert_int_equal(record_template_check(too_long + 1, &reason), 0);
}

int main(void)
{
        static const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_decode),
                cmocka_unit_test(test_length),
                cmocka_unit_test(test_template),
        };

        return cmocka_run_group_tests_name("record_message", tests, NULL, NULL);
}
