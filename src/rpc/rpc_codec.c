/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */

#include <errno.h>
#include <protobuf-c/protobuf-c.h>
#include <stdlib.h>

#include "base/str.h"
#include "rpc/proto_wire.h"
#include "rpc/rpc_codec.h"

/* While it is unpacked, a message of many texts of 20 bytes takes four times its size, one of many empty ones
 * thirty times. */
#define HEAP_FACTOR 16
#define HEAP_FREE ((size_t)64 * 1024) /* whatever its size */
#define MALLOC_OVERHEAD ((size_t)16)  /* of one allocation: glibc's header and rounding, on average */

/* ---- the wire ---- */

static int scan(const ProtobufCMessageDescriptor *type, struct proto_wire w, unsigned depth);

static int scan_field(const ProtobufCMessageDescriptor *type, const struct proto_field *f, unsigned depth)
{
        const ProtobufCFieldDescriptor *field = protobuf_c_message_descriptor_get_field(type, f->number);

        if (!field || !f->has_bytes)
                return 0;
        if (field->type == PROTOBUF_C_TYPE_STRING)
                return utf8_is_valid((const char *)f->bytes.at, proto_wire_size(f->bytes)) ? 0 : -EILSEQ;
        if (field->type == PROTOBUF_C_TYPE_MESSAGE)
                return scan(field->descriptor, f->bytes, depth + 1);
        return 0;
}

static int scan(const ProtobufCMessageDescriptor *type, struct proto_wire w, unsigned depth)
{
        struct proto_field f;
        int r;

        if (depth >= RPC_CODEC_DEPTH_MAX)
                return -ELOOP;
        while ((r = proto_wire_next(&w, &f)) > 0) {
                r = scan_field(type, &f, depth);
                if (r < 0)
                        return r;
        }
        return r;
}

int rpc_codec_scan(const struct ProtobufCMessageDescriptor *type, const void *p, size_t n)
{
        return scan(type, proto_wire_of(p, n), 0);
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

int rpc_codec_decode(const struct ProtobufCMessageDescriptor *type, const void *p, size_t n,
                     struct ProtobufCMessage **ret, size_t *ret_heap)
{
        struct budget budget = {.max = HEAP_FREE + n * HEAP_FACTOR};
        ProtobufCAllocator allocator = {
                .alloc = budget_alloc, .free = budget_free, .allocator_data = &budget};
        ProtobufCMessage *m;
        int r;

        r = rpc_codec_scan(type, p, n);
        if (r < 0)
                return r;
        m = protobuf_c_message_unpack(type, &allocator, n, n > 0 ? p : (const uint8_t *)"");
        if (!m)
                return budget.is_exceeded ? -E2BIG : -EBADMSG;
        *ret = m;
        *ret_heap = budget.used;
        return 0;
}

struct ProtobufCMessage *rpc_codec_free(struct ProtobufCMessage *m)
{
        if (m)
                protobuf_c_message_free_unpacked(m, NULL);
        return NULL;
}

size_t rpc_codec_size(const struct ProtobufCMessage *m)
{
        return protobuf_c_message_get_packed_size(m);
}

int rpc_codec_encode(struct buf *out, const struct ProtobufCMessage *m, size_t size)
{
        uint8_t *room;

        if (size == 0)
                return 0;
        room = (uint8_t *)buf_reserve(out, size);
        if (!room)
                return -ENOMEM;
        (void)protobuf_c_message_pack(m, room);
        buf_commit(out, size);
        return 0;
}
