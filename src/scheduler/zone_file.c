/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */

/* tzfile(5) to struct zone. A file is a block with 32-bit times, for readers of old, then one with 64-bit
 * times and a footer; a file of version 1 has the first alone. Leap seconds, abbreviations and the
 * standard/UT indicators mean nothing here. */

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "scheduler/zone.h"

#define HEADER_SIZE 44
#define TYPE_SIZE 6
#define CHANGES_MAX 5000 /* the busiest zones have some 240 */
#define TYPES_MAX 256    /* an index is one byte */
#define CHARS_MAX 4096
#define OFFSET_MAX (26 * 3600)

struct block {
        size_t n_utc, n_standard, n_leap, n_changes, n_types, n_chars;
        size_t time_size; /* 4 or 8 */
};

struct cursor {
        const uint8_t *at;
        size_t left;
};

static const uint8_t *take(struct cursor *c, size_t n)
{
        const uint8_t *p = c->at;

        if (n > c->left)
                return NULL;
        c->at += n;
        c->left -= n;
        return p;
}

static uint32_t read_u32(const uint8_t *p)
{
        return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static int64_t read_time(const uint8_t *p, size_t size)
{
        if (size == 4)
                return (int32_t)read_u32(p);
        return (int64_t)((uint64_t)read_u32(p) << 32 | read_u32(p + 4));
}

static int take_header(struct cursor *c, size_t time_size, struct block *ret, uint8_t *ret_version)
{
        const uint8_t *p = take(c, HEADER_SIZE);

        if (!p || memcmp(p, "TZif", 4) != 0)
                return -EBADMSG;
        *ret_version = p[4];
        *ret = (struct block){
                .n_utc = read_u32(p + 20),
                .n_standard = read_u32(p + 24),
                .n_leap = read_u32(p + 28),
                .n_changes = read_u32(p + 32),
                .n_types = read_u32(p + 36),
                .n_chars = read_u32(p + 40),
                .time_size = time_size,
        };
        if (ret->n_utc > TYPES_MAX || ret->n_standard > TYPES_MAX || ret->n_leap > CHANGES_MAX ||
            ret->n_changes > CHANGES_MAX || ret->n_types > TYPES_MAX || ret->n_chars > CHARS_MAX)
                return -EBADMSG;
        return 0;
}

static size_t tail_size(const struct block *b)
{
        return b->n_chars + b->n_leap * (b->time_size + 4) + b->n_standard + b->n_utc;
}

static int skip_block(struct cursor *c, const struct block *b)
{
        return take(c, b->n_changes * (b->time_size + 1) + b->n_types * TYPE_SIZE + tail_size(b)) ? 0
                                                                                                  : -EBADMSG;
}

/* A change that leaves the offset as it is (another name, another law) is no change here. */
static int add_change(struct zone *z, int64_t at, int32_t offset)
{
        int32_t before = z->n_changes > 0 ? z->changes[z->n_changes - 1].offset : z->first_offset;

        if (z->n_changes > 0 && at <= z->changes[z->n_changes - 1].at)
                return -EBADMSG;
        if (offset != before)
                z->changes[z->n_changes++] = (struct zone_change){at, offset};
        return 0;
}

static int take_changes(struct cursor *c, const struct block *b, struct zone *z)
{
        const uint8_t *times = take(c, b->n_changes * b->time_size);
        const uint8_t *indices = take(c, b->n_changes), *types = take(c, b->n_types * TYPE_SIZE);

        if (!times || !indices || !types || b->n_types == 0 || !take(c, tail_size(b)))
                return -EBADMSG;
        for (size_t i = 0; i < b->n_types; i++) {
                int32_t offset = (int32_t)read_u32(types + i * TYPE_SIZE);

                if (offset < -OFFSET_MAX || offset > OFFSET_MAX)
                        return -EBADMSG;
        }
        z->first_offset = (int32_t)read_u32(types);
        z->changes = new0(struct zone_change, b->n_changes + 1);
        if (!z->changes)
                return -ENOMEM;
        for (size_t i = 0; i < b->n_changes; i++) {
                int r;

                if (indices[i] >= b->n_types)
                        return -EBADMSG;
                r = add_change(z, read_time(times + i * b->time_size, b->time_size),
                               (int32_t)read_u32(types + indices[i] * TYPE_SIZE));
                if (r < 0)
                        return r;
        }
        return 0;
}

/* "\n" TZ string "\n"; an empty one says nothing about the future. */
static int take_footer(struct cursor *c, struct zone *z)
{
        const uint8_t *begin = take(c, 1), *end;
        int r;

        if (!begin || *begin != '\n')
                return -EBADMSG;
        end = memchr(c->at, '\n', c->left);
        if (!end)
                return -EBADMSG;
        if (end == c->at)
                return 0;
        r = zone_rule_parse((const char *)c->at, (size_t)(end - c->at), &z->rule);
        if (r < 0)
                return r;
        z->has_rule = true;
        return 0;
}

int zone_decode(const void *bytes, size_t n, struct zone **ret)
{
        _cleanup_(zone_freep) struct zone *z = new0(struct zone, 1);
        struct cursor c = {bytes, n};
        struct block b;
        uint8_t version;
        int r;

        if (!z)
                return -ENOMEM;
        r = take_header(&c, 4, &b, &version);
        if (r < 0)
                return r;
        if (version >= '2') {
                r = skip_block(&c, &b);
                if (r == 0)
                        r = take_header(&c, 8, &b, &version);
                if (r < 0)
                        return r;
        }
        r = take_changes(&c, &b, z);
        if (r == 0 && b.time_size == 8)
                r = take_footer(&c, z);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(z);
        return 0;
}
