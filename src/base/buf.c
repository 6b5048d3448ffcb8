/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"

#define BUF_GROW_MIN 256    /* the first allocation: most messages of ours fit */
#define BUF_KEEP_BYTES 1024 /* an empty buffer keeps no more: thousands of idle connections own one each */

void buf_done(struct buf *b)
{
        free(b->data);
        *b = BUF_EMPTY;
}

void buf_reset(struct buf *b)
{
        b->start = b->end = 0;
        b->failed = false;
}

int buf_error(const struct buf *b)
{
        return b->failed ? -ENOMEM : 0;
}

static void move_to_front(struct buf *b)
{
        if (b->start == 0)
                return;
        memmove(b->data, b->data + b->start, buf_size(b));
        b->end -= b->start;
        b->start = 0;
}

char *buf_reserve(struct buf *b, size_t n)
{
        size_t capacity, need;
        char *data;

        if (b->failed)
                return NULL;
        if (b->data && n <= b->capacity - b->end)
                return b->data + b->end;
        if (__builtin_add_overflow(buf_size(b), n, &need) || need > SIZE_MAX / 2)
                goto failed;
        /* Moving pays only when it frees at least half, or appends would become quadratic. */
        if (need <= b->capacity / 2) {
                move_to_front(b);
                return b->data + b->end;
        }
        capacity = MAX_OF(b->capacity * 2, (size_t)BUF_GROW_MIN);
        capacity = MAX_OF(capacity, need);
        move_to_front(b);
        data = realloc(b->data, capacity);
        if (!data)
                goto failed;
        b->data = data;
        b->capacity = capacity;
        return b->data + b->end;
failed:
        b->failed = true;
        return NULL;
}

void buf_commit(struct buf *b, size_t n)
{
        assert(n <= b->capacity - b->end);
        b->end += n;
}

void buf_append(struct buf *b, const void *p, size_t n)
{
        char *room;

        if (n == 0)
                return;
        room = buf_reserve(b, n);
        if (!room)
                return;
        memcpy(room, p, n);
        b->end += n;
}

void buf_append_str(struct buf *b, const char *s)
{
        buf_append(b, s, strlen(s));
}

void buf_append_char(struct buf *b, char c)
{
        buf_append(b, &c, 1);
}

void buf_printf(struct buf *b, const char *fmt, ...)
{
        va_list ap;

        va_start(ap, fmt);
        buf_vprintf(b, fmt, ap);
        va_end(ap);
}

void buf_vprintf(struct buf *b, const char *fmt, va_list ap)
{
        size_t room = 64; /* a guess: most fragments are shorter, longer ones are formatted twice */
        va_list again;
        char *p;
        int n;

        p = buf_reserve(b, room);
        if (!p)
                return;
        room = b->capacity - b->end;
        va_copy(again, ap);
        n = vsnprintf(p, room, fmt, again);
        va_end(again);
        if (n < 0) {
                b->failed = true;
                return;
        }
        if ((size_t)n >= room) {
                p = buf_reserve(b, (size_t)n + 1);
                if (!p)
                        return;
                (void)vsnprintf(p, (size_t)n + 1, fmt, ap);
        }
        b->end += (size_t)n;
}

void buf_consume(struct buf *b, size_t n)
{
        assert(n <= buf_size(b));
        b->start += n;
        if (b->start < b->end)
                return;
        b->start = b->end = 0;
        if (b->capacity > BUF_KEEP_BYTES) {
                free(b->data);
                b->data = NULL;
                b->capacity = 0;
        }
}

char *buf_take(struct buf *b, size_t *ret_size)
{
        size_t size;
        char *data;

        buf_append_char(b, '\0');
        if (b->failed) {
                buf_done(b);
                return NULL;
        }
        move_to_front(b);
        size = b->end - 1;
        data = TAKE_PTR(b->data);
        *b = BUF_EMPTY;
        if (ret_size)
                *ret_size = size;
        return data;
}
