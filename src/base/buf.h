/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */
#pragma once

/* A growable byte buffer with a read and a write cursor.  Appends fail sticky: after -ENOMEM every later
 * append is a no-op and buf_error() tells, so that builders check once at the end. */

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/macro.h"

struct buf {
        char *data; /* owned */
        size_t start, end, capacity;
        bool failed;
};

#define BUF_EMPTY ((struct buf){0})

void buf_done(struct buf *b);
/* Forgets the content, keeps the memory. */
void buf_reset(struct buf *b);
static inline size_t buf_size(const struct buf *b)
{
        return b->end - b->start;
}
static inline char *buf_bytes(const struct buf *b)
{
        return b->data ? b->data + b->start : NULL;
}
/* 0 or -ENOMEM (sticky). */
int buf_error(const struct buf *b);
void buf_append(struct buf *b, const void *p, size_t n);
void buf_append_str(struct buf *b, const char *s);
void buf_append_char(struct buf *b, char c);
void buf_printf(struct buf *b, const char *fmt, ...) _printf_(2, 3);
void buf_vprintf(struct buf *b, const char *fmt, va_list ap) _printf_(2, 0);
/* Room for n more bytes, or NULL; buf_commit() says how many were written. */
char *buf_reserve(struct buf *b, size_t n);
void buf_commit(struct buf *b, size_t n);
/* Drops n bytes at the front; gives memory back when a large buffer becomes empty. */
void buf_consume(struct buf *b, size_t n);
/* Hands the bytes over, NUL-terminated; the buffer is empty afterwards.  NULL after a failure. */
char *buf_take(struct buf *b, size_t *ret_size);
