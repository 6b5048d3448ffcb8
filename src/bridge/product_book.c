/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */

#include <errno.h>
#include <stdio.h>

#include "base/alloc.h"
#include "bridge/product_entry.h"

#define SPREAD_MAX_USEC USEC_PER_SEC          /* of re-checking everything */
#define SPREAD_EACH_USEC (10 * USEC_PER_MSEC) /* few products need no spreading */

void product_book_init(struct product_book *b, sd_event *loop, struct upstream *u)
{
        *b = (struct product_book){.loop = loop, .upstream = u};
        map_init(&b->products);
}

void product_book_done(struct product_book *b)
{
        map_done(&b->products);
}

struct product_watch *product_free(struct product_watch *p)
{
        if (!p)
                return NULL;
        map_remove(&p->book->products, &p->entry);
        loop_timer_done(&p->timer);
        upstream_get_done(&p->get);
        buf_done(&p->line);
        buf_done(&p->complaint);
        free(p->code);
        free(p);
        return NULL;
}
DEFINE_FREEP(struct product_watch, product_free)

int product_find(struct product_book *b, const char *code, struct product_watch **ret)
{
        struct map_entry *e = map_get(&b->products, code);
        _cleanup_(product_freep) struct product_watch *p = NULL;
        int r;

        if (e) {
                *ret = container_of(e, struct product_watch, entry);
                return 0;
        }
        p = new0(struct product_watch, 1);
        if (!p)
                return -ENOMEM;
        p->book = b;
        p->tick_usec = p->retry_usec = p->interval_usec = USEC_INFINITY;
        list_init(&p->watches);
        r = strdup_to(&p->code, code);
        if (r == 0)
                r = map_put(&b->products, p->code, &p->entry);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(p);
        return 0;
}

static void book_recheck(struct product_book *b, bool only_away)
{
        usec_t spread = MIN_OF(b->products.n_entries * SPREAD_EACH_USEC, SPREAD_MAX_USEC);

        MAP_FOREACH (e, &b->products) {
                struct product_watch *p = container_of(e, struct product_watch, entry);
                uint32_t random;

                if (only_away && p->state != PRODUCT_AWAY)
                        continue;
                random_bytes(&random, sizeof(random));
                product_retry_in(p, random % (spread + 1));
                product_arm(p);
        }
}

void product_book_set_live(struct product_book *b, bool is_live)
{
        b->is_live = is_live;
        if (is_live)
                book_recheck(b, false);
}

void product_book_retry(struct product_book *b)
{
        book_recheck(b, true);
}

void product_book_event(struct product_book *b, const char *code, int64_t version, const char *request_id)
{
        struct map_entry *e = map_get(&b->products, code);
        struct product_watch *p;

        if (!e)
                return;
        p = container_of(e, struct product_watch, entry);
        if (version <= p->version || version <= p->wanted)
                return;
        p->wanted = version;
        p->request_id[0] = '\0';
        if (request_id && id_is_valid(request_id))
                snprintf(p->request_id, sizeof(p->request_id), "%s", request_id);
        if (!p->is_asking)
                product_begin(p);
}
