/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */
#pragma once

/* A message to many, encoded once: RFC 6455 lets a server send the same bytes to everybody. Counted
 * references; a client that reads slowly holds one, not a copy. */

#include <stddef.h>

#include "base/macro.h"

struct ws_frame {
        unsigned n_refs;
        size_t size, payload_at; /* the payload is the rest */
        char bytes[];
};

/* An unfragmented text message; `text` is UTF-8. 0; -ENOMEM. */
int ws_frame_new(struct ws_frame **ret, const char *text, size_t n);
struct ws_frame *ws_frame_ref(struct ws_frame *f);
struct ws_frame *ws_frame_unref(struct ws_frame *f);
DEFINE_FREEP(struct ws_frame, ws_frame_unref)

static inline const char *ws_frame_text(const struct ws_frame *f, size_t *ret_size)
{
        *ret_size = f->size - f->payload_at;
        return f->bytes + f->payload_at;
}
