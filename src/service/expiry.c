/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */

#include "service/expiry.h"

void expiry_init(struct expiry *x, sd_event *loop, usec_t delay_usec,
                 void (*expired)(struct expiry *x, struct expiry_entry *e))
{
        *x = (struct expiry){.loop = loop, .delay_usec = delay_usec, .expired = expired};
        list_init(&x->entries);
}

void expiry_done(struct expiry *x)
{
        loop_timer_done(&x->timer);
}

void expiry_set_delay(struct expiry *x, usec_t delay_usec)
{
        x->delay_usec = delay_usec;
}

static struct expiry_entry *first(struct expiry *x)
{
        struct list_link *i = list_first(&x->entries);

        return i ? LIST_ENTRY(i, struct expiry_entry, link) : NULL;
}

static void on_fire(struct loop_timer *t)
{
        struct expiry *x = container_of(t, struct expiry, timer);
        usec_t now = clock_monotonic_usec();
        struct expiry_entry *e;

        while ((e = first(x)) && e->at_usec <= now) {
                expiry_stop(e);
                x->expired(x, e);
        }
        /* The source exists already, so this cannot fail. */
        if (e)
                (void)loop_timer_start(&x->timer, x->loop, e->at_usec - now, on_fire);
}

int expiry_start(struct expiry *x, struct expiry_entry *e)
{
        expiry_stop(e);
        if (x->delay_usec == 0)
                return 0;
        e->at_usec = usec_add(clock_monotonic_usec(), x->delay_usec);
        list_append(&x->entries, &e->link);
        /* An armed timer is for an entry at least as old: too early at worst, and then it is armed again. */
        if (loop_timer_is_armed(&x->timer))
                return 0;
        return loop_timer_start(&x->timer, x->loop, x->delay_usec, on_fire);
}
