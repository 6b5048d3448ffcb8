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

#include "base/macro.h"
#include "base/str.h"
#include "products/product.h"

struct wrong_case {
        const char *text, *path, *reason; /* a part of the reason */
};

static void check_wrong(enum product_form form, const struct wrong_case *c)
{
        struct field_errors errors = {.n_errors = 0};
        struct product p = {0};

        assert_int_equal(product_decode(c->text, strlen(c->text), form, &p, &errors), -EBADMSG);
        assert_int_equal(errors.n_errors, 1);
        assert_string_equal(errors.errors[0].path, c->path);
        if (!strstr(errors.errors[0].reason, c->reason))
                fail_msg("%s: \"%s\" lacks \"%s\"", c->text, errors.errors[0].reason, c->reason);
        product_done(&p);
}

#define LONG_CODE "0123456789012345678901234567890123456789012345678901234567890123"
#define REST "\"description\":\"d\",\"buying_price\":\"1\",\"selling_price\":\"2\""

/* Every field, wrong in every way, is named with what is wrong about it. */
static void test_wrong_fields(void **state)
{
        static const struct wrong_case cases[] = {
                {"", "", "not valid JSON"},
                {"{", "", "not valid JSON"},
                {"[]", "", "object"},
                {"null", "", "object"},
                {"\"x\"", "", "object"},
                {"{" REST "} x", "", "not valid JSON"},
                {"{" REST "," REST "}", "", "duplicate"},
                {"{" REST ",\"colour\":\"red\"}", "/colour", "not a known field"},
                {"{" REST ",\"code\":null}", "/code", "null"},
                {"{" REST ",\"code\":1}", "/code", "string"},
                {"{" REST ",\"code\":\"\"}", "/code", "empty"},
                {"{" REST ",\"code\":\"" LONG_CODE "x\"}", "/code", "at most 64"},
                {"{" REST ",\"code\":\"a b\"}", "/code", "contain"},
                {"{" REST ",\"code\":\"a/b\"}", "/code", "contain"},
                {"{" REST ",\"code\":\"\xc3\xb1\"}", "/code", "contain"},
                {"{" REST ",\"code\":\".\"}", "/code", "URL path"},
                {"{" REST ",\"code\":\"..\"}", "/code", "URL path"},
                {"{\"buying_price\":\"1\",\"selling_price\":\"2\"}", "/description", "required"},
                {"{\"description\":7,\"buying_price\":\"1\",\"selling_price\":\"2\"}", "/description",
                 "string"},
                {"{\"description\":\"\",\"buying_price\":\"1\",\"selling_price\":\"2\"}", "/description",
                 "empty"},
                {"{\"description\":\"a\\u0000b\",\"buying_price\":\"1\",\"selling_price\":\"2\"}", "",
                 "not valid JSON"},
                {"{\"description\":\"d\",\"selling_price\":\"2\"}", "/buying_price", "required"},
                {"{\"description\":\"d\",\"buying_price\":1.5,\"selling_price\":\"2\"}", "/buying_price",
                 "decimal string"},
                {"{\"description\":\"d\",\"buying_price\":\"-1\",\"selling_price\":\"2\"}", "/buying_price",
                 "from 0"},
                {"{\"description\":\"d\",\"buying_price\":\"1\",\"selling_price\":\"1.001\"}",
                 "/selling_price", "whole cents"},
                {"{\"description\":\"d\",\"buying_price\":\"1\",\"selling_price\":\"10000000000\"}",
                 "/selling_price", "9999999999.99"},
                {"{\"description\":\"d\",\"buying_price\":\"1\",\"selling_price\":\"1e3\"}", "/selling_price",
                 "decimal string"},
        };

        for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
                check_wrong(PRODUCT_WHOLE, &cases[i]);
}

/* All wrong fields of one body are told at once. */
static void test_all_at_once(void **state)
{
        static const char text[] = "{\"code\":\"a b\",\"description\":1,\"buying_price\":\"x\"}";
        struct field_errors errors = {.n_errors = 0};
        struct product p = {0};

        assert_int_equal(product_decode(text, strlen(text), PRODUCT_WHOLE, &p, &errors), -EBADMSG);
        assert_int_equal(errors.n_errors, 4);
        product_done(&p);
}

/* What the server owns may be sent back with the rest, and is ignored; prices are exact. */
static void test_whole(void **state)
{
        static const char text[] =
                "{\"code\":\"A.b_c-1\",\"description\":\"caf\\u00e9\",\"buying_price\":\"12.5\","
                "\"selling_price\":\"9999999999.99\",\"version\":7,\"created_at\":null,"
                "\"updated_at\":\"2026-11-22T00:00:00.000000Z\"}";
        struct field_errors errors = {.n_errors = 0};
        struct product p = {0};

        assert_int_equal(product_decode(text, strlen(text), PRODUCT_WHOLE, &p, &errors), 0);
        assert_string_equal(p.code, "A.b_c-1");
        assert_string_equal(p.description, "caf\xc3\xa9");
        assert_int_equal(p.buying_cents, 1250);
        assert_true(p.selling_cents == INT64_C(999999999999));
        product_done(&p);
}

/* A patch holds what it changes; an empty one is fine; nothing can be removed. */
static void test_patch(void **state)
{
        static const struct wrong_case removals[] = {
                {"{\"description\":null}", "/description", "null"},
                {"{\"buying_price\":null}", "/buying_price", "null"},
                {"{\"selling_price\":null}", "/selling_price", "null"},
                {"{\"code\":null}", "/code", "null"},
        };
        static const char text[] = "{\"selling_price\":\"3\"}";
        struct field_errors errors = {.n_errors = 0};
        struct product p = {0};

        assert_int_equal(product_decode("{}", 2, PRODUCT_PATCH, &p, &errors), 0);
        product_done(&p);
        assert_int_equal(product_decode(text, strlen(text), PRODUCT_PATCH, &p, &errors), 0);
        assert_true(p.has_selling && !p.has_buying && !p.has_description && !p.has_code);
        assert_int_equal(p.selling_cents, 300);
        product_done(&p);
        for (size_t i = 0; i < ARRAY_SIZE(removals); i++)
                check_wrong(PRODUCT_PATCH, &removals[i]);
}

static char *command_of(const char *text, const char *code)
{
        struct field_errors errors = {.n_errors = 0};
        struct buf out = BUF_EMPTY;
        struct product p = {0};

        assert_int_equal(product_decode(text, strlen(text), PRODUCT_PATCH, &p, &errors), 0);
        product_command(&out, code, &p);
        product_done(&p);
        return buf_take(&out, NULL);
}

/* Bodies that mean the same are one command; another target or value is another. */
static void test_command(void **state)
{
        static const char *const texts[] = {
                "{\"selling_price\":\"3\"}",
                " { \"selling_price\" : \"3.00\", \"version\": 3 } ",
                "{\"selling_price\":\"3.1\"}",
                "{\"buying_price\":\"3\"}",
                "{}",
        };
        char *commands[ARRAY_SIZE(texts)], *other;

        for (size_t i = 0; i < ARRAY_SIZE(texts); i++)
                commands[i] = command_of(texts[i], "A");
        other = command_of(texts[0], "B");
        assert_string_equal(commands[0], commands[1]);
        for (size_t i = 2; i < ARRAY_SIZE(texts); i++)
                assert_string_not_equal(commands[0], commands[i]);
        assert_string_not_equal(commands[0], other);
        for (size_t i = 0; i < ARRAY_SIZE(texts); i++)
                free(commands[i]);
        free(other);
}

/* A factor is a decimal string above 0 with one text for each value. */
static void test_factor(void **state)
{
        static const struct {
                const char *text, *factor; /* NULL: refused at /factor */
        } cases[] = {
                {"\"1.1\"", "1.1"},
                {"\"1.10\"", "1.1"},
                {"\"001\"", "1"},
                {"\"1.000\"", "1"},
                {"\"0.5\"", "0.5"},
                {"\"00.50\"", "0.5"},
                {"\"10\"", "10"},
                {"\"0.000000000000000001\"", "0.000000000000000001"},
                {"\"9999999999.999999999999999999\"", "9999999999.999999999999999999"},
                {"\"0\"", NULL},
                {"\"0.00\"", NULL},
                {"\"-1\"", NULL},
                {"\"+1\"", NULL},
                {"\"1.\"", NULL},
                {"\".5\"", NULL},
                {"\"\"", NULL},
                {"\"1e1\"", NULL},
                {"\"NaN\"", NULL},
                {"\"1,1\"", NULL},
                {"\"10000000000.5x\"", NULL},
                {"\"12345678901\"", NULL},
                {"\"1.0000000000000000001\"", NULL},
                {"1.1", NULL},
                {"null", NULL},
        };

        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                struct field_errors errors = {.n_errors = 0};
                char factor[PRODUCT_FACTOR_SIZE];
                struct buf body = BUF_EMPTY;
                int r;

                buf_printf(&body, "{\"factor\":%s}", cases[i].text);
                r = product_factor_decode(buf_bytes(&body), buf_size(&body), factor, &errors);
                assert_int_equal(r, cases[i].factor ? 0 : -EBADMSG);
                if (cases[i].factor)
                        assert_string_equal(factor, cases[i].factor);
                else
                        assert_string_equal(errors.errors[0].path, "/factor");
                buf_done(&body);
        }
}

/* A code that is made is a code, and is not made twice. */
static void test_made_code(void **state)
{
        char a[PRODUCT_CODE_MADE_SIZE], b[PRODUCT_CODE_MADE_SIZE];

        for (int i = 0; i < 1000; i++) {
                product_code_make(a);
                product_code_make(b);
                assert_int_equal(strspn(a, "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"), 15);
                assert_int_equal(strlen(a), 15);
                assert_string_not_equal(a, b);
        }
}

static void test_code(void **state)
{
        assert_true(product_code_is_valid("a"));
        assert_true(product_code_is_valid("..."));
        assert_true(product_code_is_valid(LONG_CODE));
        assert_false(product_code_is_valid(LONG_CODE "x"));
        assert_false(product_code_is_valid(""));
        assert_false(product_code_is_valid("."));
        assert_false(product_code_is_valid(".."));
        assert_false(product_code_is_valid("a b"));
        assert_false(product_code_is_valid("a:b"));
}

int main(void)
{
        static const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_wrong_fields), cmocka_unit_test(test_all_at_once),
                cmocka_unit_test(test_whole),        cmocka_unit_test(test_patch),
                cmocka_unit_test(test_command),      cmocka_unit_test(test_factor),
                cmocka_unit_test(test_made_code),    cmocka_unit_test(test_code),
        };

        return cmocka_run_group_tests_name("product", tests, NULL, NULL);
}
