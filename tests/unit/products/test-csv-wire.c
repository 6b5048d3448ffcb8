/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <string.h>

#include "base/macro.h"
#include "products/csv_wire.h"

/* A record as "field|field\n", an error as "!reason\n". */
static void describe(struct csv_reader *c, int r, struct buf *out)
{
        size_t n;

        if (r == -EBADMSG)
                buf_printf(out, "%d!%s\n", (int)c->record_line, c->reason);
        if (r <= 0)
                return;
        buf_printf(out, "%d:", (int)c->record_line);
        for (size_t i = 0; i < c->n_fields; i++) {
                const char *text = csv_reader_field(c, i, &n);

                if (i > 0)
                        buf_append_char(out, '|');
                buf_append(out, text, n);
        }
        buf_append_char(out, '\n');
}

static void read_all(const char *text, size_t size, size_t step, struct buf *out)
{
        struct csv_reader c;

        csv_reader_init(&c);
        for (size_t at = 0; at < size;) {
                const char *p = text + at;
                size_t n = MIN_OF(step, size - at);

                at += n;
                while (n > 0)
                        describe(&c, csv_reader_next(&c, &p, &n), out);
        }
        describe(&c, csv_reader_end(&c), out);
        buf_append_char(out, '\0');
        csv_reader_done(&c);
}

/* RFC 4180 and what is near it reads the same however it is cut into pieces. */
static void test_records(void **state)
{
        static const struct {
                const char *text, *records;
        } cases[] = {
                {"", ""},
                {"a", "1:a\n"},
                {"a\n", "1:a\n"},
                {"a\r\n", "1:a\n"},
                {"a,b\nc,d", "1:a|b\n2:c|d\n"},
                {"a,b\r\nc,d\r\n", "1:a|b\n2:c|d\n"},
                {",\n", "1:|\n"},
                {"\n\nx\n", "1:\n2:\n3:x\n"},
                {"\"a\",\"b\"\n", "1:a|b\n"},
                {"\"a,b\"\n", "1:a,b\n"},
                {"\"a\"\"b\"\n", "1:a\"b\n"},
                {"\"\"\n", "1:\n"},
                {"\"\"", "1:\n"},
                {"\"a\nb\"\nc\n", "1:a\nb\n3:c\n"},
                {"\"a\r\nb\"\r\nc", "1:a\r\nb\n3:c\n"},
                {"a\rb\n", "1:a\rb\n"},
                {"a\r\r\n", "1:a\r\n"},
                {"a\"b\nc\n", "1!has a quote in a field that does not begin with one\n2:c\n"},
                {"\"a\"b\nc\n", "1!has text behind a closing quote\n2:c\n"},
                {"\"a\"\rb\nc\n", "1!has text behind a closing quote\n2:c\n"},
                {"\"a", "1!ends inside quotes\n"},
                {"x\n\"a\nb", "1:x\n2!ends inside quotes\n"},
                {"1,2,3,4,5,6,7,8,9,0,1,2,3,4,5,6,7,8,9,0,1,2,3,4,5,6,7,8,9,0,1,2,3\nx\n",
                 "1!has too many fields\n2:x\n"},
        };

        for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
                for (size_t step = 1; step < 8; step++) {
                        struct buf out = BUF_EMPTY;

                        read_all(cases[i].text, strlen(cases[i].text), step, &out);
                        assert_string_equal(buf_bytes(&out), cases[i].records);
                        buf_done(&out);
                }
}

/* A record beyond the limit is refused, costs no more than the limit, and the next one is read. */
static void test_too_long(void **state)
{
        struct buf text = BUF_EMPTY, out = BUF_EMPTY;

        for (size_t i = 0; i < 2 * CSV_RECORD_MAX; i++)
                buf_append_char(&text, 'x');
        buf_append_str(&text, "\nnext\n");
        read_all(buf_bytes(&text), buf_size(&text), 4096, &out);
        assert_string_equal(buf_bytes(&out), "1!is too long\n2:next\n");
        buf_done(&text);
        buf_done(&out);
}

int main(void)
{
        static const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_records),
                cmocka_unit_test(test_too_long),
        };

        return cmocka_run_group_tests_name("csv_wire", tests, NULL, NULL);
}
