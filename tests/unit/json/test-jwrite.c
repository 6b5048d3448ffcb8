/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "json/jread.h"
#include "json/jwrite.h"

/* Commas stand between values and nowhere else, at every level. */
static void test_commas(void **state)
{
        _cleanup_free_ char *text = NULL;
        struct buf b = BUF_EMPTY;
        struct jwrite w = jwrite_to(&b);

        jwrite_object_begin(&w);
        jwrite_pair(&w, "a", "x");
        jwrite_pair(&w, "b", NULL);
        jwrite_key(&w, "c");
        jwrite_array_begin(&w);
        jwrite_int(&w, INT64_MIN);
        jwrite_bool(&w, true);
        jwrite_bool(&w, false);
        jwrite_null(&w);
        jwrite_array_begin(&w);
        jwrite_array_end(&w);
        jwrite_object_begin(&w);
        jwrite_object_end(&w);
        jwrite_raw(&w, "{\"r\":1}", 7);
        jwrite_array_end(&w);
        jwrite_key(&w, "d");
        jwrite_string_n(&w, "xyz", 2);
        jwrite_object_end(&w);
        assert_int_equal(w.depth, 0);
        text = buf_take(&b, NULL);
        assert_string_equal(
                text, "{\"a\":\"x\",\"b\":null,\"c\":[-9223372036854775808,true,false,null,[],{},{\"r\":1}],"
                      "\"d\":\"xy\"}");
}

/* Any text comes back from a JSON parser as it was. */
static void test_escapes(void **state)
{
        _cleanup_json_ json_t *value = NULL;
        _cleanup_free_ char *text = NULL;
        struct field_errors errors = {0};
        struct buf b = BUF_EMPTY;
        struct jwrite w = jwrite_to(&b);
        char all[160];
        size_t n;

        for (int i = 1; i < 128; i++)
                all[i - 1] = (char)i;
        memcpy(all + 127, "\xc3\xb1\xf0\x9f\x98\x80", 7);
        jwrite_string(&w, all);
        text = buf_take(&b, &n);
        assert_non_null(strstr(text, "\\u0001"));
        assert_non_null(strstr(text, "\\n"));
        assert_null(strchr(text, '\n'));
        assert_int_equal(jread_text(text, n, &value, &errors), 0);
        assert_string_equal(json_string_value(value), all);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_commas),
                cmocka_unit_test(test_escapes),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
