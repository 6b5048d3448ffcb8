/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/macro.h"
#include "base/str.h"
#include "json/jread.h"

struct thing {
        char *name, *note;
        int64_t price, count;
        bool flag, has_note, has_extra;
        json_t *extra;
};

static const struct jread_field fields[] = {
        {.name = "name",
         .type = JREAD_STRING,
         .offset = offsetof(struct thing, name),
         .required = true,
         .min = 1,
         .max = 4,
         .charset = "abc/~\xc3\xb1"},
        {.name = "note",
         .type = JREAD_STRING,
         .offset = offsetof(struct thing, note),
         .present = offsetof(struct thing, has_note),
         .nullable = true},
        {.name = "price", .type = JREAD_MONEY, .offset = offsetof(struct thing, price)},
        {.name = "count", .type = JREAD_INT, .offset = offsetof(struct thing, count), .min = -5, .max = 5},
        {.name = "flag", .type = JREAD_BOOL, .offset = offsetof(struct thing, flag)},
        {.name = "extra",
         .type = JREAD_JSON,
         .offset = offsetof(struct thing, extra),
         .present = offsetof(struct thing, has_extra),
         .nullable = true},
};

static void thing_done(struct thing *t)
{
        free(t->name);
        free(t->note);
        json_decref(t->extra);
}

static int read_thing(const char *text, struct thing *ret, struct field_errors *errors)
{
        _cleanup_json_ json_t *value = NULL;
        int r;

        *ret = (struct thing){0};
        *errors = (struct field_errors){0};
        r = jread_text(text, strlen(text), &value, errors);
        if (r < 0)
                return r;
        return jread_object(value, fields, ARRAY_SIZE(fields), "", ret, errors);
}

/* Exactly one error, at this path and for this reason. */
static void expect_error(const char *text, const char *path, const char *reason)
{
        struct field_errors errors;
        struct thing t;

        assert_int_equal(read_thing(text, &t, &errors), -EBADMSG);
        assert_int_equal(errors.n_errors, 1);
        assert_string_equal(errors.errors[0].path, path);
        assert_string_equal(errors.errors[0].reason, reason);
        thing_done(&t);
}

/* Every type lands in its place, and presence is told. */
static void test_good(void **state)
{
        struct field_errors errors;
        struct thing t;

        assert_int_equal(
                read_thing(
                        "{\"name\":\"ab\",\"note\":\"x\\ny\",\"price\":\"12.5\",\"count\":-5,\"flag\":true,"
                        "\"extra\":[1,{\"a\":null}]}",
                        &t, &errors),
                0);
        assert_string_equal(t.name, "ab");
        assert_string_equal(t.note, "x\ny");
        assert_int_equal(t.price, 1250);
        assert_int_equal(t.count, -5);
        assert_true(t.flag && t.has_note && t.has_extra);
        assert_int_equal(json_array_size(t.extra), 2);
        thing_done(&t);
}

/* null clears what may be null; what is absent is not present. */
static void test_null_and_absent(void **state)
{
        struct field_errors errors;
        struct thing t;

        assert_int_equal(read_thing("{\"name\":\"a\",\"note\":null,\"extra\":null}", &t, &errors), 0);
        assert_true(t.has_note && t.has_extra && !t.note && !t.extra);
        thing_done(&t);
        assert_int_equal(read_thing("{\"name\":\"a\"}", &t, &errors), 0);
        assert_false(t.has_note || t.has_extra);
        thing_done(&t);
        expect_error("{\"name\":null}", "/name", "must not be null");
        expect_error("{\"name\":\"a\",\"count\":null}", "/count", "must not be null");
}

/* Each field that is wrong is named, with what it must be. */
static void test_bad_fields(void **state)
{
        expect_error("{}", "/name", "is required");
        expect_error("[]", "", "must be an object");
        expect_error("\"x\"", "", "must be an object");
        expect_error("{\"name\":1}", "/name", "must be a string");
        expect_error("{\"name\":\"\"}", "/name", "must not be empty");
        expect_error("{\"name\":\"aaaaa\"}", "/name", "must have at most 4 characters");
        expect_error("{\"name\":\"ab d\"}", "/name", "must not contain the byte 0x20");
        expect_error("{\"name\":\"abd\"}", "/name", "must not contain 'd'");
        expect_error("{\"name\":\"a\",\"price\":12.5}", "/price",
                     "must be a decimal string such as \"12.50\"");
        expect_error("{\"name\":\"a\",\"price\":\"1e3\"}", "/price",
                     "must be a decimal string such as \"12.50\"");
        expect_error("{\"name\":\"a\",\"price\":\"-1\"}", "/price",
                     "must be from 0 to 9999999999.99, in whole cents");
        expect_error("{\"name\":\"a\",\"count\":6}", "/count", "must be from -5 to 5");
        expect_error("{\"name\":\"a\",\"count\":1.0}", "/count", "must be an integer");
        expect_error("{\"name\":\"a\",\"flag\":1}", "/flag", "must be true or false");
        expect_error("{\"name\":\"a\",\"x/~y\":1}", "/x~1~0y", "is not a known field");
}

/* Characters are counted, not bytes. */
static void test_length_in_characters(void **state)
{
        struct field_errors errors;
        struct thing t;

        assert_int_equal(read_thing("{\"name\":\"\xc3\xb1\xc3\xb1\xc3\xb1\xc3\xb1\"}", &t, &errors), 0);
        thing_done(&t);
}

/* All errors of an object are told at once, up to a limit. */
static void test_all_errors(void **state)
{
        struct field_errors errors;
        char text[2000] = "{";
        struct thing t;

        assert_int_equal(read_thing("{\"nam\":\"a\",\"price\":1,\"flag\":\"no\"}", &t, &errors), -EBADMSG);
        assert_int_equal(errors.n_errors, 4);
        for (int i = 0; i < 100; i++)
                (void)snprintf(text + strlen(text), 16, "\"x%d\":0,", i);
        text[strlen(text) - 1] = '}';
        assert_int_equal(read_thing(text, &t, &errors), -EBADMSG);
        assert_int_equal(errors.n_errors, JREAD_ERRORS_MAX);
}

/* The prefix stands before each path; what an endless name leaves of it is still UTF-8. */
static void test_prefix_and_long_names(void **state)
{
        _cleanup_json_ json_t *value = json_object();
        struct field_errors errors = {0};
        char name[400] = "x";
        struct thing t = {0};

        for (size_t i = 1; i + 2 < sizeof(name); i += 2)
                memcpy(name + i, "\xc3\xb1", 3);
        assert_int_equal(json_object_set_new(value, name, json_true()), 0);
        assert_int_equal(jread_object(value, fields, 1, "/items/3", &t, &errors), -EBADMSG);
        assert_int_equal(errors.n_errors, 2);
        assert_memory_equal(errors.errors[0].path, "/items/3/x\xc3\xb1", 12);
        assert_true(utf8_is_valid(errors.errors[0].path, strlen(errors.errors[0].path)));
        assert_string_equal(errors.errors[1].path, "/items/3/name");
}

static void expect_no_text(const char *text, size_t n, const char *reason_begins)
{
        struct field_errors errors = {0};
        json_t *value = NULL;

        assert_int_equal(jread_text(text, n, &value, &errors), -EBADMSG);
        assert_null(value);
        assert_int_equal(errors.n_errors, 1);
        assert_string_equal(errors.errors[0].path, "");
        assert_non_null(startswith(errors.errors[0].reason, reason_begins));
        assert_true(utf8_is_valid(errors.errors[0].reason, strlen(errors.errors[0].reason)));
}

/* One value, the whole text, no key twice, no NUL, valid UTF-8, and a bounded depth. */
static void test_bad_text(void **state)
{
        char deep[2 * JREAD_DEPTH_MAX + 2];

        expect_no_text("", 0, "is not valid JSON at line 1");
        expect_no_text("{} x", 4, "is not valid JSON at line 1, column 4");
        expect_no_text("{\"a\":1,\"a\":2}", 13, "is not valid JSON");
        expect_no_text("\"a\\u0000b\"", 10, "is not valid JSON");
        expect_no_text("\"a\0b\"", 5, "is not valid JSON");
        expect_no_text("\"\xff\"", 3, "is not valid JSON");
        expect_no_text("{\"\xf0\x9f\x98\x80\xf0\x9f\x98\x80\" x", 12, "is not valid JSON");
        expect_no_text("1e999", 5, "is not valid JSON");
        expect_no_text("99999999999999999999", 20, "is not valid JSON");
        expect_no_text("NaN", 3, "is not valid JSON");
        memset(deep, '[', sizeof(deep));
        memset(deep + JREAD_DEPTH_MAX + 1, ']', JREAD_DEPTH_MAX + 1);
        expect_no_text(deep, sizeof(deep), "is nested deeper than 32 levels");
}

/* The deepest nesting that is allowed, and brackets inside strings, which do not count. */
static void test_depth(void **state)
{
        char deep[2 * JREAD_DEPTH_MAX];
        _cleanup_json_ json_t *value = NULL, *text = NULL;
        struct field_errors errors = {0};

        memset(deep, '[', JREAD_DEPTH_MAX);
        memset(deep + JREAD_DEPTH_MAX, ']', JREAD_DEPTH_MAX);
        assert_int_equal(jread_text(deep, sizeof(deep), &value, &errors), 0);
        deep[0] = '"';
        memset(deep + JREAD_DEPTH_MAX, '[', JREAD_DEPTH_MAX);
        deep[10] = '\\';
        deep[11] = '"';
        deep[sizeof(deep) - 1] = '"';
        assert_int_equal(jread_text(deep, sizeof(deep), &text, &errors), 0);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_good),       cmocka_unit_test(test_null_and_absent),
                cmocka_unit_test(test_bad_fields), cmocka_unit_test(test_length_in_characters),
                cmocka_unit_test(test_all_errors), cmocka_unit_test(test_prefix_and_long_names),
                cmocka_unit_test(test_bad_text),   cmocka_unit_test(test_depth),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
