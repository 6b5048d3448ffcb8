/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */
#pragma once

/* Protobuf's wire format, field by field (protobuf.dev/programming-guides/encoding), and what server
 * reflection asks of a google.protobuf.FileDescriptorSet.  Pure; fuzzed. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct proto_wire {
        const uint8_t *at, *end;
};

static inline struct proto_wire proto_wire_of(const void *p, size_t n)
{
        return (struct proto_wire){.at = p, .end = n > 0 ? (const uint8_t *)p + n : p};
}

struct proto_field {
        uint32_t number;
        bool has_bytes;          /* a length-delimited one: its content is `bytes` */
        struct proto_wire bytes; /* in the message */
};

static inline size_t proto_wire_size(struct proto_wire w)
{
        return (size_t)(w.end - w.at);
}

/* 1: a field; 0: the end; -EBADMSG. */
int proto_wire_next(struct proto_wire *w, struct proto_field *ret);
bool proto_wire_is(struct proto_wire w, const char *text);

/* The FileDescriptorProto of that name in the set; -ENOENT. */
int proto_set_find_file(struct proto_wire set, const char *name, struct proto_wire *ret);
/* The one that defines the message, enum, service or method ("lonja.v1.Records.Add"); -ENOENT. */
int proto_set_find_symbol(struct proto_wire set, const char *symbol, struct proto_wire *ret);
