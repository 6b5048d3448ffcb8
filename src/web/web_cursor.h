/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */
#pragma once

/* The place in a list where a page begins: base64url of {"c":check,"b":backward,"k":[key, key]}. Pure;
 * fuzzed.
 *
 * `context` is the list's path, ordering and filters: a cursor of another list, of another ordering or
 * damaged on its way is refused, since it would silently leave rows out. The check keeps nobody from making
 * cursors, and need not: keys only ever become parameters. */

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"

#define WEB_CURSOR_KEYS_MAX 2
#define WEB_CURSOR_MAX 8192 /* of its text: two keys, each far longer than any of ours */

struct web_cursor {
        bool backward;
        unsigned n_keys;                 /* 0: the end of the list itself */
        char *keys[WEB_CURSOR_KEYS_MAX]; /* owned by a decoded one, borrowed by one to encode */
};

void web_cursor_encode(struct buf *out, const char *context, const struct web_cursor *c);
/* 0; -EBADMSG; -ENOMEM. */
int web_cursor_decode(const char *text, const char *context, struct web_cursor *ret);
void web_cursor_done(struct web_cursor *c);
