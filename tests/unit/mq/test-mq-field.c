/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "mq/mq_consume.h"
#include "mq/mq_field.h"

static const struct header *copy(const amqp_table_t *table, void **ret_block)
{
        struct headers_size size = mq_fields_measure(table);
        struct header *structs = malloc(size.n_structs * sizeof(struct header) + size.n_bytes), *end;
        const struct header *headers;
        char *bytes;

        *ret_block = structs;
        end = structs + size.n_structs;
        bytes = (char *)end;
        headers = mq_fields_copy(table, &structs, &bytes);
        assert_ptr_equal(structs, end);
        assert_ptr_equal(bytes, (char *)end + size.n_bytes);
        return headers;
}

/* What goes out as a table comes in as the same headers. */
static void test_round_trip(void **state)
{
        const struct header items[] = {
                {"", .type = HEADER_NULL}, {"", .type = HEADER_REAL, .real = 1.5}, {"", "x"}, {0}};
        const struct header headers[] = {
                {"task", "a.b"},
                {"retries", .type = HEADER_INT, .number = -7},
                {"ignore_result", .type = HEADER_BOOL, .number = 1},
                {"eta", .type = HEADER_NULL},
                {"timelimit", .type = HEADER_LIST, .items = items},
                {0},
        };
        amqp_field_value_t room[8], *free_items = room;
        amqp_table_entry_t entries[5];
        amqp_table_t table = {.num_entries = 5, .entries = entries};
        _cleanup_free_ void *block = NULL;
        const struct header *again;

        for (size_t i = 0; i < 5; i++)
                entries[i] = (amqp_table_entry_t){.key = amqp_cstring_bytes(headers[i].name),
                                                  .value = mq_field_of(&headers[i], &free_items)};
        assert_ptr_equal(free_items, room + 3);
        again = copy(&table, &block);
        assert_int_equal(headers_count(again), 5);
        assert_string_equal(header_text(again, "task"), "a.b");
        assert_int_equal(again[1].type, HEADER_INT);
        assert_int_equal(again[1].number, -7);
        assert_int_equal(again[2].type, HEADER_BOOL);
        assert_int_equal(again[2].number, 1);
        assert_int_equal(again[3].type, HEADER_NULL);
        assert_int_equal(headers_count(again[4].items), 3);
        assert_int_equal(again[4].items[0].type, HEADER_NULL);
        assert_true(again[4].items[1].real == 1.5);
        assert_string_equal(again[4].items[2].text, "x");
}

/* Values of all kinds and any number of them: what cannot be kept is there by name, what is too much is not.
 */
static void test_foreign(void **state)
{
        amqp_table_entry_t entries[MQ_DELIVERY_HEADERS_MAX + 1];
        amqp_field_value_t many[MQ_DELIVERY_ITEMS_MAX + 1] = {{.kind = AMQP_FIELD_KIND_VOID}};
        amqp_table_t table = {.num_entries = 7, .entries = entries};
        _cleanup_free_ void *block = NULL, *large = NULL;
        const struct header *headers;

        for (size_t i = 0; i < ARRAY_SIZE(entries); i++)
                entries[i] = (amqp_table_entry_t){.key = amqp_cstring_bytes("k"),
                                                  .value = {.kind = AMQP_FIELD_KIND_U16, .value.u16 = 65535}};
        entries[1].value = (amqp_field_value_t){.kind = AMQP_FIELD_KIND_TABLE};
        entries[2].value =
                (amqp_field_value_t){.kind = AMQP_FIELD_KIND_BYTES, .value.bytes = {2, "\xff\xfe"}};
        entries[3].value = (amqp_field_value_t){.kind = AMQP_FIELD_KIND_U64, .value.u64 = UINT64_MAX};
        entries[4].value =
                (amqp_field_value_t){.kind = AMQP_FIELD_KIND_ARRAY, .value.array = {ARRAY_SIZE(many), many}};
        entries[5].value = (amqp_field_value_t){.kind = AMQP_FIELD_KIND_UTF8, .value.bytes = {3, "a\0b"}};
        entries[6].value = (amqp_field_value_t){.kind = AMQP_FIELD_KIND_F32, .value.f32 = 0.5F};
        headers = copy(&table, &block);
        assert_int_equal(headers_count(headers), 7);
        assert_int_equal(headers[0].number, 65535);
        for (size_t i = 1; i < 6; i++) {
                assert_int_equal(headers[i].type, HEADER_OTHER);
                assert_string_equal(headers[i].name, "k");
        }
        assert_true(headers[6].real == 0.5);
        table.num_entries = ARRAY_SIZE(entries);
        assert_int_equal(headers_count(copy(&table, &large)), MQ_DELIVERY_HEADERS_MAX);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_round_trip),
                cmocka_unit_test(test_foreign),
        };

        return cmocka_run_group_tests_name("mq-field", tests, NULL, NULL);
}
