/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <wslay/wslay.h>

#include "ws/ws_frame.h"

#define HEADER_MAX 10 /* RFC 6455 section 5.2, without a mask */

static ssize_t on_send(const uint8_t *p, size_t n, int flags, void *user)
{
        struct ws_frame *f = user;

        memcpy(f->bytes + f->size, p, n);
        f->size += n;
        return (ssize_t)n;
}

static int encode(struct ws_frame *f, const char *text, size_t n)
{
        static const struct wslay_frame_callbacks callbacks = {.send_callback = on_send};
        struct wslay_frame_iocb frame = {
                .fin = 1,
                .opcode = WSLAY_TEXT_FRAME,
                .payload_length = n,
                .data = (const uint8_t *)text,
                .data_length = n,
        };
        wslay_frame_context_ptr context;
        ssize_t sent;

        if (wslay_frame_context_init(&context, &callbacks, f) != 0)
                return -ENOMEM;
        sent = wslay_frame_send(context, &frame);
        wslay_frame_context_free(context);
        f->payload_at = f->size - n;
        return sent == (ssize_t)n ? 0 : -ENOMEM;
}

int ws_frame_new(struct ws_frame **ret, const char *text, size_t n)
{
        _cleanup_(ws_frame_unrefp) struct ws_frame *f = malloc(sizeof(*f) + HEADER_MAX + n);
        int r;

        if (!f)
                return -ENOMEM;
        *f = (struct ws_frame){.n_refs = 1};
        r = encode(f, text, n);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(f);
        return 0;
}

struct ws_frame *ws_frame_ref(struct ws_frame *f)
{
        f->n_refs++;
        return f;
}

struct ws_frame *ws_frame_unref(struct ws_frame *f)
{
        if (f && --f->n_refs == 0)
                free(f);
        return NULL;
}
