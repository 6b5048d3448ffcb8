/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */
#pragma once

/* Which publish a confirm speaks of.  On a channel in confirm mode the broker counts publishes from 1; a
 * basic.ack names one tag, or with `multiple` all up to it, and may come out of order.  The window holds the
 * items of tags first..next-1; a settled one is NULL until the window has moved past it.  Pure. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct mq_confirm {
        void **slots; /* owned ring, items borrowed */
        size_t capacity;
        uint64_t first, next;
        size_t n_items;
};

/* 0 or -ENOMEM. Capacity is the most publishes in flight. */
int mq_confirm_init(struct mq_confirm *c, size_t capacity);
void mq_confirm_done(struct mq_confirm *c);
/* No more room: wait for confirms. */
bool mq_confirm_is_full(const struct mq_confirm *c);
/* The tag this publish will have. The window must not be full. */
uint64_t mq_confirm_push(struct mq_confirm *c, void *item);
/* The item of a tag, or NULL when settled or never published. */
void *mq_confirm_peek(const struct mq_confirm *c, uint64_t tag);
/* Takes it out of the window. */
void *mq_confirm_take(struct mq_confirm *c, uint64_t tag);
/* Takes the oldest item with a tag <= `tag`; NULL when there is none left. UINT64_MAX empties the window. */
void *mq_confirm_take_up_to(struct mq_confirm *c, uint64_t tag);
/* A new channel counts from 1 again. The window must be empty. */
void mq_confirm_restart(struct mq_confirm *c);
