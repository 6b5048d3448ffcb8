/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */
#include "mq/mq_field.h"

#include "base/str.h"
#include "mq/mq_consume.h"

static amqp_array_t array_of(const struct header *list, amqp_field_value_t **items)
{
        amqp_array_t a = {.num_entries = (int)headers_count(list), .entries = *items};

        *items += a.num_entries;
        for (int i = 0; i < a.num_entries; i++)
                a.entries[i] = list[i].type == HEADER_LIST
                                       ? (amqp_field_value_t){.kind = AMQP_FIELD_KIND_VOID}
                                       : mq_field_of(&list[i], NULL);
        return a;
}

amqp_field_value_t mq_field_of(const struct header *h, amqp_field_value_t **items)
{
        switch (h->type) {
        case HEADER_TEXT:
                return (amqp_field_value_t){.kind = AMQP_FIELD_KIND_UTF8,
                                            .value.bytes = amqp_cstring_bytes(h->text ? h->text : "")};
        case HEADER_INT:
                return (amqp_field_value_t){.kind = AMQP_FIELD_KIND_I64, .value.i64 = h->number};
        case HEADER_REAL:
                return (amqp_field_value_t){.kind = AMQP_FIELD_KIND_F64, .value.f64 = h->real};
        case HEADER_BOOL:
                return (amqp_field_value_t){.kind = AMQP_FIELD_KIND_BOOLEAN, .value.boolean = h->number != 0};
        case HEADER_LIST:
                return (amqp_field_value_t){.kind = AMQP_FIELD_KIND_ARRAY,
                                            .value.array = array_of(h->items, items)};
        case HEADER_NULL:
        case HEADER_OTHER:
                break;
        }
        return (amqp_field_value_t){.kind = AMQP_FIELD_KIND_VOID};
}

/* ---- deliveries ---- */

static int n_kept(const amqp_table_t *table)
{
        return MIN_OF(table->num_entries, MQ_DELIVERY_HEADERS_MAX);
}

static bool is_text(const amqp_field_value_t *v)
{
        return (v->kind == AMQP_FIELD_KIND_UTF8 || v->kind == AMQP_FIELD_KIND_BYTES) &&
               utf8_is_valid(v->value.bytes.bytes, v->value.bytes.len);
}

static bool is_list(const amqp_field_value_t *v)
{
        return v->kind == AMQP_FIELD_KIND_ARRAY && v->value.array.num_entries <= MQ_DELIVERY_ITEMS_MAX;
}

static size_t text_bytes(const amqp_field_value_t *v)
{
        return is_text(v) ? v->value.bytes.len + 1 : 0;
}

struct headers_size mq_fields_measure(const amqp_table_t *table)
{
        struct headers_size size = {.n_structs = 1};

        for (int i = 0; i < n_kept(table); i++) {
                const amqp_table_entry_t *e = &table->entries[i];

                size.n_structs++;
                size.n_bytes += e->key.len + 1 + text_bytes(&e->value);
                if (!is_list(&e->value))
                        continue;
                size.n_structs += (size_t)e->value.value.array.num_entries + 1;
                for (int j = 0; j < e->value.value.array.num_entries; j++)
                        size.n_bytes += text_bytes(&e->value.value.array.entries[j]);
        }
        return size;
}

static const char *copy_bytes(char **at, amqp_bytes_t b)
{
        char *start = *at;

        if (b.len > 0)
                memcpy(start, b.bytes, b.len);
        start[b.len] = '\0';
        *at += b.len + 1;
        return start;
}

static bool take_number(const amqp_field_value_t *v, int64_t *ret)
{
        switch (v->kind) {
        case AMQP_FIELD_KIND_I8:
                *ret = v->value.i8;
                return true;
        case AMQP_FIELD_KIND_U8:
                *ret = v->value.u8;
                return true;
        case AMQP_FIELD_KIND_I16:
                *ret = v->value.i16;
                return true;
        case AMQP_FIELD_KIND_U16:
                *ret = v->value.u16;
                return true;
        case AMQP_FIELD_KIND_I32:
                *ret = v->value.i32;
                return true;
        case AMQP_FIELD_KIND_U32:
                *ret = v->value.u32;
                return true;
        case AMQP_FIELD_KIND_I64:
                *ret = v->value.i64;
                return true;
        case AMQP_FIELD_KIND_U64:
                *ret = (int64_t)v->value.u64;
                return v->value.u64 <= INT64_MAX;
        default:
                return false;
        }
}

/* All but lists. */
static struct header value_of(const amqp_field_value_t *v, char **bytes)
{
        struct header h = {.name = "", .type = HEADER_OTHER};

        if (is_text(v)) {
                h.type = HEADER_TEXT;
                h.text = copy_bytes(bytes, v->value.bytes);
        } else if (take_number(v, &h.number)) {
                h.type = HEADER_INT;
        } else if (v->kind == AMQP_FIELD_KIND_BOOLEAN) {
                h.type = HEADER_BOOL;
                h.number = v->value.boolean != 0;
        } else if (v->kind == AMQP_FIELD_KIND_F64 || v->kind == AMQP_FIELD_KIND_F32) {
                h.type = HEADER_REAL;
                h.real = v->kind == AMQP_FIELD_KIND_F64 ? v->value.f64 : (double)v->value.f32;
        } else if (v->kind == AMQP_FIELD_KIND_VOID) {
                h.type = HEADER_NULL;
        }
        return h;
}

static const struct header *copy_list(const amqp_array_t *a, struct header **structs, char **bytes)
{
        struct header *first = *structs;

        for (int i = 0; i < a->num_entries; i++)
                *(*structs)++ = value_of(&a->entries[i], bytes);
        *(*structs)++ = (struct header){0};
        return first;
}

const struct header *mq_fields_copy(const amqp_table_t *table, struct header **structs, char **bytes)
{
        struct header *first = *structs;
        int n = n_kept(table);

        *structs += n + 1; /* those of lists follow the array */
        for (int i = 0; i < n; i++) {
                const amqp_table_entry_t *e = &table->entries[i];
                struct header *h = &first[i];

                *h = value_of(&e->value, bytes);
                h->name = copy_bytes(bytes, e->key);
                if (is_list(&e->value)) {
                        h->type = HEADER_LIST;
                        h->items = copy_list(&e->value.value.array, structs, bytes);
                }
        }
        first[n] = (struct header){0};
        return first;
}
