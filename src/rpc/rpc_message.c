/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */

#include <errno.h>
#include <protobuf-c/protobuf-c.h>
#include <stdlib.h>

#include "base/str.h"
#include "rpc/rpc_message.h"

#define VARINT_BYTES_MAX 10
/* A message of many empty strings takes 13 times its size, one of many empty messages 30 times: the former
 * passes. */
#define HEAP_FACTOR 16
#define HEAP_FREE ((size_t)64 * 1024) /* whatever its size */
#define MALLOC_OVERHEAD ((size_t)16)  /* of one allocation: glibc's header and rounding, on average */

/* ---- the wire ---- */

struct wire {
        const uint8_t *at, *end;
};

static int wire_varint(struct wire *w, uint64_t *ret)
{
        uint64_t value = 0;

        for (unsigned i = 0; i < VARINT_BYTES_MAX && w->at < w->end; i++) {
                uint8_t byte = *w->at++;

                value |= (uint64_t)(byte & 0x7f) << (7 * i);
                if (!(byte & 0x80)) {
                        *ret = value;
                        return 0;
                }
        }
        return -EBADMSG;
}

static int wire_skip(struct wire *w, uint64_t n)
{
        if (n > (uint64_t)(w->end - w->at))
                return -EBADMSG;
        w->at += n;
        return 0;
}

static int scan(const ProtobufCMessageDescriptor *type, struct wire w, unsigned depth);

static int scan_bytes(const ProtobufCFieldDescriptor *field, struct wire *w, unsigned depth)
{
        struct wire value = {.at = NULL};
        uint64_t n;

        if (wire_varint(w, &n) < 0)
                return -EBADMSG;
        value.at = w->at;
        if (wire_skip(w, n) < 0)
                return -EBADMSG;
        value.end = w->at;
        if (!field)
                return 0;
        if (field->type == PROTOBUF_C_TYPE_STRING)
                return utf8_is_valid((const char *)value.at, (size_t)n) ? 0 : -EILSEQ;
        if (field->type == PROTOBUF_C_TYPE_MESSAGE)
                return scan(field->descriptor, value, depth + 1);
        return 0;
}

static int scan_field(const ProtobufCMessageDescriptor *type, struct wire *w, unsigned depth)
{
        const ProtobufCFieldDescriptor *field = NULL;
        uint64_t tag, ignored;

        if (wire_varint(w, &tag) < 0 || tag > UINT32_MAX || tag >> 3 == 0)
                return -EBADMSG;
        field = protobuf_c_message_descriptor_get_field(type, (unsigned)(tag >> 3));
        switch (tag & 7) {
        case PROTOBUF_C_WIRE_TYPE_VARINT:
                return wire_varint(w, &ignored);
        case PROTOBUF_C_WIRE_TYPE_64BIT:
                return wire_skip(w, 8);
        case PROTOBUF_C_WIRE_TYPE_32BIT:
                return wire_skip(w, 4);
        case PROTOBUF_C_WIRE_TYPE_LENGTH_PREFIXED:
                return scan_bytes(field, w, depth);
        default:
                return -EBADMSG;
        }
}

static int scan(const ProtobufCMessageDescriptor *type, struct wire w, unsigned depth)
{
        int r = 0;

        if (depth >= RPC_MESSAGE_DEPTH_MAX)
                return -ELOOP;
        while (r == 0 && w.at < w.end)
                r = scan_field(type, &w, depth);
        return r;
}

int rpc_message_scan(const struct ProtobufCMessageDescriptor *type, const void *p, size_t n)
{
        return n == 0 ? 0 : scan(type, (struct wire){.at = p, .end = (const uint8_t *)p + n}, 0);
}

/* ---- memory ---- */

struct budget {
        size_t used, max;
        bool is_exceeded;
};

static void *budget_alloc(void *data, size_t size)
{
        struct budget *b = data;

        if (size > b->max || b->used + size + MALLOC_OVERHEAD > b->max) {
                b->is_exceeded = true;
                return NULL;
        }
        b->used += size + MALLOC_OVERHEAD;
        return malloc(size);
}

static void budget_free(void *data, void *p)
{
        free(p);
}

int rpc_message_decode(const struct ProtobufCMessageDescriptor *type, const void *p, size_t n,
                       struct ProtobufCMessage **ret, size_t *ret_heap)
{
        struct budget budget = {.max = HEAP_FREE + n * HEAP_FACTOR};
        ProtobufCAllocator allocator = {
                .alloc = budget_alloc, .free = budget_free, .allocator_data = &budget};
        ProtobufCMessage *m;
        int r;

        r = rpc_message_scan(type, p, n);
        if (r < 0)
                return r;
        m = protobuf_c_message_unpack(type, &allocator, n, n > 0 ? p : (const uint8_t *)"");
        if (!m)
                return budget.is_exceeded ? -E2BIG : -EBADMSG;
        *ret = m;
        *ret_heap = budget.used;
        return 0;
}

struct ProtobufCMessage *rpc_message_free(struct ProtobufCMessage *m)
{
        if (m)
                protobuf_c_message_free_unpacked(m, NULL);
        return NULL;
}

size_t rpc_message_size(const struct ProtobufCMessage *m)
{
        return protobuf_c_message_get_packed_size(m);
}

int rpc_message_encode(struct buf *out, const struct ProtobufCMessage *m, size_t size)
{
        uint8_t *room = (uint8_t *)buf_reserve(out, size);

        if (!room)
                return -ENOMEM;
        (void)protobuf_c_message_pack(m, room);
        buf_commit(out, size);
        return 0;
}
