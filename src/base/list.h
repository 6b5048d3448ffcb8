/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */
#pragma once

/* Intrusive doubly linked lists.  A zeroed link is not in any list. */

#include <stdbool.h>
#include <stddef.h>

#include "base/macro.h"

struct list_link {
        struct list_link *prev, *next;
};

/* A list is a link that points to itself when empty; list_init() before use. */
struct list {
        struct list_link head;
};

static inline void list_init(struct list *l)
{
        l->head.prev = l->head.next = &l->head;
}

static inline bool list_is_empty(const struct list *l)
{
        return l->head.next == &l->head;
}

static inline bool list_is_linked(const struct list_link *i)
{
        return i->next != NULL;
}

static inline void list_insert_before(struct list_link *where, struct list_link *i)
{
        i->prev = where->prev;
        i->next = where;
        where->prev->next = i;
        where->prev = i;
}

static inline void list_append(struct list *l, struct list_link *i)
{
        list_insert_before(&l->head, i);
}

static inline void list_prepend(struct list *l, struct list_link *i)
{
        list_insert_before(l->head.next, i);
}

/* Harmless for a link that is in no list. */
static inline void list_remove(struct list_link *i)
{
        if (!i->next)
                return;
        i->prev->next = i->next;
        i->next->prev = i->prev;
        i->prev = i->next = NULL;
}

static inline struct list_link *list_first(const struct list *l)
{
        return list_is_empty(l) ? NULL : l->head.next;
}

#define LIST_ENTRY(link, type, member) container_of(link, type, member)
#define LIST_FOREACH(i, l) for (struct list_link *i = (l)->head.next; i != &(l)->head; i = i->next)
/* The current link may be removed. */
#define LIST_FOREACH_SAFE(i, l)                                                                              \
        for (struct list_link *i = (l)->head.next, *next_ = i->next; i != &(l)->head;                        \
             i = next_, next_ = i->next)
