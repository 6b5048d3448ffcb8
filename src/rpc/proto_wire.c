/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */

#include <errno.h>
#include <string.h>

#include "rpc/proto_wire.h"

#define VARINT_BYTES_MAX 10
#define NESTING_MAX 16 /* types in types */

static int take_varint(struct proto_wire *w, uint64_t *ret)
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

static int take_bytes(struct proto_wire *w, uint64_t n, struct proto_wire *ret)
{
        if (n > proto_wire_size(*w))
                return -EBADMSG;
        *ret = proto_wire_of(w->at, (size_t)n);
        w->at += n;
        return 0;
}

int proto_wire_next(struct proto_wire *w, struct proto_field *ret)
{
        uint64_t tag, n;
        int r;

        if (w->at == w->end)
                return 0;
        r = take_varint(w, &tag);
        if (r < 0 || tag > UINT32_MAX || tag >> 3 == 0)
                return -EBADMSG;
        *ret = (struct proto_field){.number = (uint32_t)(tag >> 3), .has_bytes = (tag & 7) == 2};
        switch (tag & 7) {
        case 0:
                r = take_varint(w, &n);
                break;
        case 1:
                r = take_bytes(w, 8, &ret->bytes);
                break;
        case 2:
                r = take_varint(w, &n);
                if (r == 0)
                        r = take_bytes(w, n, &ret->bytes);
                break;
        case 5:
                r = take_bytes(w, 4, &ret->bytes);
                break;
        default: /* groups */
                r = -EBADMSG;
        }
        return r < 0 ? r : 1;
}

bool proto_wire_is(struct proto_wire w, const char *text)
{
        size_t n = proto_wire_size(w);

        return n == strlen(text) && (n == 0 || memcmp(w.at, text, n) == 0);
}

/* ---- descriptors ---- */

/* Numbers of google/protobuf/descriptor.proto. */
enum { SET_FILE = 1 };
enum { FILE_NAME = 1, FILE_PACKAGE = 2, FILE_MESSAGE = 4, FILE_ENUM = 5, FILE_SERVICE = 6 };
enum { ANY_NAME = 1, MESSAGE_NESTED = 3, MESSAGE_ENUM = 4, SERVICE_METHOD = 2 };

/* The first field of that number, which is bytes; empty when there is none. */
static struct proto_wire first(struct proto_wire message, uint32_t number)
{
        struct proto_field f;

        while (proto_wire_next(&message, &f) > 0)
                if (f.number == number && f.has_bytes)
                        return f.bytes;
        return proto_wire_of(NULL, 0);
}

/* What follows "name." in the symbol, "" when it is the name itself, NULL when it is another. */
static const char *behind(const char *symbol, struct proto_wire name)
{
        size_t n = proto_wire_size(name);

        if (n == 0 || strncmp(symbol, (const char *)name.at, n) != 0)
                return NULL;
        if (symbol[n] == '\0')
                return symbol + n;
        return symbol[n] == '.' ? symbol + n + 1 : NULL;
}

/* Which of a definition's fields define something themselves. */
struct kinds {
        uint32_t message, leaf, service; /* 0: none */
};
static const struct kinds file_kinds = {FILE_MESSAGE, FILE_ENUM, FILE_SERVICE};
static const struct kinds message_kinds = {MESSAGE_NESTED, MESSAGE_ENUM, 0};
static const struct kinds service_kinds = {0, SERVICE_METHOD, 0};

static bool defines(struct proto_wire definition, const struct kinds *kinds, const char *symbol,
                    unsigned depth)
{
        struct proto_field f;

        while (depth < NESTING_MAX && proto_wire_next(&definition, &f) > 0) {
                const char *rest;

                if (!f.has_bytes ||
                    (f.number != kinds->message && f.number != kinds->leaf && f.number != kinds->service))
                        continue;
                rest = behind(symbol, first(f.bytes, ANY_NAME));
                if (!rest)
                        continue;
                if (*rest == '\0')
                        return true;
                if (f.number == kinds->message && defines(f.bytes, &message_kinds, rest, depth + 1))
                        return true;
                if (f.number == kinds->service && defines(f.bytes, &service_kinds, rest, depth + 1))
                        return true;
        }
        return false;
}

static bool file_defines(struct proto_wire file, const char *symbol)
{
        struct proto_wire package = first(file, FILE_PACKAGE);
        const char *rest = proto_wire_size(package) > 0 ? behind(symbol, package) : symbol;

        return rest && *rest && defines(file, &file_kinds, rest, 0);
}

int proto_set_find_file(struct proto_wire set, const char *name, struct proto_wire *ret)
{
        struct proto_field f;

        while (proto_wire_next(&set, &f) > 0)
                if (f.number == SET_FILE && f.has_bytes && proto_wire_is(first(f.bytes, FILE_NAME), name)) {
                        *ret = f.bytes;
                        return 0;
                }
        return -ENOENT;
}

int proto_set_find_symbol(struct proto_wire set, const char *symbol, struct proto_wire *ret)
{
        struct proto_field f;

        while (proto_wire_next(&set, &f) > 0)
                if (f.number == SET_FILE && f.has_bytes && file_defines(f.bytes, symbol)) {
                        *ret = f.bytes;
                        return 0;
                }
        return -ENOENT;
}
