/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "base/macro.h"
#include "products/product_store.h"

/* What PostgreSQL prints becomes RFC 3339 with all six digits. */
static void test_time(void **state)
{
        static const struct {
                const char *text, *json;
        } cases[] = {
                {"2026-11-22 03:35:00+00", "\"2026-11-22T03:35:00.000000Z\""},
                {"2026-11-22 03:35:00.5+00", "\"2026-11-22T03:35:00.500000Z\""},
                {"2026-11-22 03:35:00.000001+00", "\"2026-11-22T03:35:00.000001Z\""},
                {"2026-11-22 03:35:00.123456+00", "\"2026-11-22T03:35:00.123456Z\""},
                {"2026-11-22 03:35:00", "\"2026-11-22T03:35:00.000000Z\""},
                {"infinity", "\"infinity\""},
                {"", "\"\""},
        };

        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                struct buf out = BUF_EMPTY;

                product_store_write_time(&out, cases[i].text, strlen(cases[i].text));
                buf_append_char(&out, '\0');
                assert_string_equal(buf_bytes(&out), cases[i].json);
                buf_done(&out);
        }
}

int main(void)
{
        static const struct CMUnitTest tests[] = {cmocka_unit_test(test_time)};

        return cmocka_run_group_tests_name("product_store", tests, NULL, NULL);
}
