/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */
#pragma once

/* JSON text straight into a buffer: for answers on hot paths, where a tree would be built only to be
 * printed.  The writer keeps the commas; balanced begin/end is the caller's duty (asserted). */

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"

#define JWRITE_DEPTH_MAX 16

struct jwrite {
        struct buf *out; /* borrowed */
        unsigned depth;
        bool comma[JWRITE_DEPTH_MAX];
};

struct jwrite jwrite_to(struct buf *out);
void jwrite_object_begin(struct jwrite *w);
void jwrite_object_end(struct jwrite *w);
void jwrite_array_begin(struct jwrite *w);
void jwrite_array_end(struct jwrite *w);
void jwrite_key(struct jwrite *w, const char *key);
void jwrite_string(struct jwrite *w, const char *s); /* UTF-8; NULL writes null */
void jwrite_string_n(struct jwrite *w, const char *s, size_t n);
void jwrite_int(struct jwrite *w, int64_t v);
void jwrite_bool(struct jwrite *w, bool v);
void jwrite_null(struct jwrite *w);
void jwrite_raw(struct jwrite *w, const char *json, size_t n); /* a finished value */
/* key and string value in one, the commonest pair */
void jwrite_pair(struct jwrite *w, const char *key, const char *value);
