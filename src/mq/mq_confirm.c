/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */
#include "mq/mq_confirm.h"

#include <assert.h>
#include <errno.h>

#include "base/alloc.h"

static void **slot(const struct mq_confirm *c, uint64_t tag)
{
        return &c->slots[tag % c->capacity];
}

int mq_confirm_init(struct mq_confirm *c, size_t capacity)
{
        void **slots;

        assert(capacity > 0);
        slots = new0(void *, capacity);
        if (!slots)
                return -ENOMEM;
        *c = (struct mq_confirm){.slots = slots, .capacity = capacity, .first = 1, .next = 1};
        return 0;
}

void mq_confirm_done(struct mq_confirm *c)
{
        free(c->slots);
        *c = (struct mq_confirm){0};
}

bool mq_confirm_is_full(const struct mq_confirm *c)
{
        return c->next - c->first >= c->capacity;
}

uint64_t mq_confirm_push(struct mq_confirm *c, void *item)
{
        assert(!mq_confirm_is_full(c));
        *slot(c, c->next) = item;
        c->n_items++;
        return c->next++;
}

void *mq_confirm_peek(const struct mq_confirm *c, uint64_t tag)
{
        return tag >= c->first && tag < c->next ? *slot(c, tag) : NULL;
}

void *mq_confirm_take(struct mq_confirm *c, uint64_t tag)
{
        void *item = mq_confirm_peek(c, tag);

        if (!item)
                return NULL;
        *slot(c, tag) = NULL;
        c->n_items--;
        while (c->first < c->next && !*slot(c, c->first))
                c->first++;
        return item;
}

void *mq_confirm_take_up_to(struct mq_confirm *c, uint64_t tag)
{
        /* the first tag of the window is never a settled one */
        return c->first <= tag ? mq_confirm_take(c, c->first) : NULL;
}

void mq_confirm_restart(struct mq_confirm *c)
{
        assert(c->n_items == 0);
        c->first = c->next = 1;
}
