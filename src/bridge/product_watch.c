/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */

#include <errno.h>

#include "base/alloc.h"
#include "bridge/product_entry.h"

#define FRESH_USEC USEC_PER_SEC              /* without events: what a newcomer may be told unasked */
#define RETRY_USEC (5 * USEC_PER_SEC)        /* after a lack of memory */
#define TICK_SLACK_USEC (50 * USEC_PER_MSEC) /* a GET this shortly before the tick serves for it */

/* ---- When to ask ---- */

static void on_timer(struct loop_timer *t)
{
        struct product_watch *p = container_of(t, struct product_watch, timer);

        if (!p->is_asking)
                product_begin(p);
}

void product_arm(struct product_watch *p)
{
        usec_t now = clock_monotonic_usec(), at = p->retry_usec;

        if (p->n_failures == 0)
                at = MIN_OF(at, p->tick_usec);
        if (p->is_asking || at == USEC_INFINITY)
                loop_timer_stop(&p->timer);
        else
                (void)loop_timer_start(&p->timer, p->book->loop, at > now ? at - now : 0, on_timer);
}

void product_retry_in(struct product_watch *p, usec_t delay)
{
        p->retry_usec = MIN_OF(p->retry_usec, usec_add(clock_monotonic_usec(), delay));
}

/* ---- The GET ---- */

static void on_complete(struct upstream_get *g)
{
        struct product_watch *p = container_of(g, struct product_watch, get);

        p->is_asking = false;
        p->n_done = p->n_begun;
        if (product_take_answer(p))
                product_begin(p);
        else
                product_arm(p);
}

/* An anonymous watcher's right is the bridge's own; otherwise a token that is known to be good. False: nobody
 * is left who may ask. */
static bool product_choose_asker(struct product_watch *p)
{
        struct bearer *any = NULL;

        p->asked_as = NULL;
        if (p->n_anonymous > 0)
                return true;
        LIST_FOREACH (i, &p->watches) {
                struct bearer *b = watch_of(i)->bearer;

                if (!b)
                        continue;
                any = any ? any : b;
                if (bearer_is_fresh(b)) {
                        any = b;
                        break;
                }
        }
        p->asked_as = any;
        return any;
}

void product_begin(struct product_watch *p)
{
        _cleanup_(buf_done) struct buf path = BUF_EMPTY;
        usec_t now = clock_monotonic_usec();
        int r = 0;

        if (!product_choose_asker(p))
                return;
        p->is_tick = p->tick_usec <= usec_add(now, TICK_SLACK_USEC);
        p->retry_usec = USEC_INFINITY;
        p->begun_usec = now;
        p->asked_version = p->wanted;
        buf_append_str(&path, "/api/products/");
        buf_append_str(&path, p->code); /* its characters need no escaping */
        buf_append_char(&path, '\0');
        r = buf_error(&path);
        if (r == 0)
                r = upstream_get_submit(&p->get, p->book->upstream, buf_bytes(&path),
                                        p->asked_as ? bearer_token(p->asked_as) : NULL, p->etag,
                                        *p->request_id ? p->request_id : NULL, on_complete);
        if (r < 0) {
                product_retry_in(p, RETRY_USEC);
                product_arm(p);
                return;
        }
        p->request_id[0] = '\0';
        p->is_asking = true;
        p->n_begun++;
        loop_timer_stop(&p->timer);
}

/* ---- A watch ---- */

/* A watcher has gone or changed its mind. Mostly the first one looked at has the same interval. */
static void product_set_interval(struct product_watch *p)
{
        usec_t before = p->interval_usec;

        p->interval_usec = USEC_INFINITY;
        LIST_FOREACH (i, &p->watches) {
                p->interval_usec = MIN_OF(p->interval_usec, watch_of(i)->interval_usec);
                if (p->interval_usec == before)
                        break;
        }
}

/* What is known will do for a newcomer: events flow, or it is new. */
static bool product_is_fresh(const struct product_watch *p)
{
        if (p->state == PRODUCT_NEW)
                return false;
        if (p->book->is_live && p->state != PRODUCT_AWAY)
                return true;
        return clock_monotonic_usec() < usec_add(p->begun_usec, FRESH_USEC);
}

static void watch_ask(struct watch *w, bool fresh)
{
        struct product_watch *p = w->product;

        p->tick_usec = MIN_OF(p->tick_usec, usec_add(clock_monotonic_usec(), p->interval_usec));
        if (!fresh && product_is_fresh(p)) {
                watch_tell(w);
                product_arm(p);
                return;
        }
        w->awaited = p->is_asking && !fresh ? p->n_begun : p->n_begun + 1;
        p->awaited_max = MAX_OF(p->awaited_max, w->awaited);
        if (!p->is_asking)
                product_begin(p);
}

void watch_ask_again(struct watch *w, bool fresh)
{
        w->product->interval_usec = MIN_OF(w->product->interval_usec, w->interval_usec);
        product_set_interval(w->product);
        watch_ask(w, fresh);
}

int watch_start(struct watch *w, struct product_book *b, const char *code)
{
        struct product_watch *p;
        int r;

        r = product_find(b, code, &p);
        if (r < 0)
                return r;
        w->product = p;
        w->awaited = w->told_seq = 0;
        w->refused = false;
        list_append(&p->watches, &w->link);
        p->n_anonymous += !w->bearer;
        p->interval_usec = MIN_OF(p->interval_usec, w->interval_usec);
        b->n_watches++;
        watch_ask(w, w->once);
        return 0;
}

void watch_stop(struct watch *w)
{
        struct product_watch *p = w->product;

        if (!p)
                return;
        list_remove(&w->link);
        w->product = NULL;
        p->n_anonymous -= !w->bearer && !w->refused;
        p->book->n_watches--;
        if (list_is_empty(&p->watches))
                product_free(p);
        else if (w->interval_usec == p->interval_usec)
                product_set_interval(p);
}

void watch_set_bearer(struct watch *w, struct bearer *b)
{
        if (w->product && !w->refused)
                w->product->n_anonymous += (unsigned)!b - (unsigned)!w->bearer;
        w->bearer = b;
}

const char *watch_code(const struct watch *w)
{
        return w->product->code;
}
