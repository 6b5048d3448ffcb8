/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */
#pragma once

/* Many timers of one duration behind one: since all wait equally long, a queue in order of starting is a
 * queue in order of expiring. Twenty thousand clients cost three timers, not sixty thousand. */

#include "base/list.h"
#include "service/loop.h"

struct expiry_entry { /* embedded; zeroed = stopped */
        struct list_link link;
        usec_t at_usec;
};

struct expiry {
        sd_event *loop;    /* borrowed */
        usec_t delay_usec; /* 0: nothing ever expires */
        struct list entries;
        struct loop_timer timer;
        void (*expired)(struct expiry *x, struct expiry_entry *e);
};

void expiry_init(struct expiry *x, sd_event *loop, usec_t delay_usec,
                 void (*expired)(struct expiry *x, struct expiry_entry *e));
void expiry_done(struct expiry *x);
/* For entries started from now on. */
void expiry_set_delay(struct expiry *x, usec_t delay_usec);
/* (Re)starts the entry. `expired` runs once, from the loop, with the entry stopped. 0 or -ENOMEM. */
int expiry_start(struct expiry *x, struct expiry_entry *e);
static inline void expiry_stop(struct expiry_entry *e)
{
        list_remove(&e->link);
}
static inline bool expiry_is_started(const struct expiry_entry *e)
{
        return list_is_linked(&e->link);
}
