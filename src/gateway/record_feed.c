/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */
#include "gateway/record_feed.h"

#include <errno.h>

#include "base/alloc.h"
#include "service/log.h"

#define READ_USEC (5 * USEC_PER_SEC) /* then it is tried again */

static void read_on(struct record_feed *f);

/* ---- A page ---- */

/* Does it have a place, and one that the table has, too? */
static bool place(struct record_watch *w, int64_t last)
{
        if (w->position == RECORD_FROM_NOW)
                w->position = last;
        if (w->position > last) {
                w->lost(w, last);
                return false;
        }
        if (!w->is_placed) {
                w->is_placed = true;
                w->placed(w);
        }
        return true;
}

/* What take() said in the end; 0: it has had all of the page. */
static int offer(struct record_watch *w, const struct pg_query *q, size_t n, int64_t last)
{
        for (size_t i = 0; i < n; i++) {
                const struct record_view v = record_store_view(q, i);
                int r = 0;

                if (v.total > w->position)
                        r = w->take(w, &v);
                if (r >= 0)
                        w->position = MAX_OF(w->position, v.total);
                if (r != 0)
                        return r;
        }
        if (n < RECORD_STORE_AFTER_MAX) /* that was the end, whatever the total of its last record */
                w->position = MAX_OF(w->position, last);
        return 0;
}

/* It is in no list. One that is to read on goes to the end of `served`. */
static void serve(struct record_feed *f, struct record_watch *w, struct list *served)
{
        size_t n = record_store_after_rows(&f->query);
        int64_t last = record_store_after_last(&f->query);
        bool is_reached;
        int r = 0;

        if (w->look > f->n_pages) { /* it came after this page was asked for */
                list_append(&f->ready, &w->link);
                return;
        }
        if (!place(w, last))
                return;
        is_reached = w->position >= f->after;
        if (is_reached)
                r = offer(w, &f->query, n, last);
        if (r == -EAGAIN)
                f->wants_retry = true;
        if (r == -EAGAIN || (r == 0 && w->position == last && !f->is_stale))
                list_append(&f->idle, &w->link);
        else if (r == 0)
                list_append(is_reached ? served : &f->ready, &w->link);
}

static void move_all(struct list *to, struct list *from)
{
        struct list_link *i;

        while ((i = list_first(from))) {
                list_remove(i);
                list_append(to, i);
        }
}

/* Who was not reached comes before who was, so that each has his turn. */
static void serve_all(struct record_feed *f)
{
        struct list round, served;
        struct list_link *i;

        list_init(&round);
        list_init(&served);
        move_all(&round, &f->ready);
        while ((i = list_first(&round))) {
                list_remove(i);
                serve(f, LIST_ENTRY(i, struct record_watch, link), &served);
        }
        move_all(&f->ready, &served);
}

static void on_page(struct pg_query *q)
{
        struct record_feed *f = container_of(q, struct record_feed, query);
        int status = q->status;

        f->is_reading = false;
        if (status == 0)
                serve_all(f);
        else
                log_debug_errno(status, "Cannot read the records for those who watch: %m");
        pg_query_done(q);
        if (status < 0)
                f->wants_retry = true;
        else
                read_on(f);
}

static void read_on(struct record_feed *f)
{
        struct list_link *first = list_first(&f->ready);

        if (f->is_reading || !first)
                return;
        f->after = LIST_ENTRY(first, struct record_watch, link)->position;
        if (f->after == RECORD_FROM_NOW)
                f->after = INT64_MAX; /* the head alone */
        f->is_stale = false;
        record_store_after(&f->query, f->after, on_page);
        if (pg_query_submit(&f->query, f->pool, PG_LANE_READ, usec_add(clock_monotonic_usec(), READ_USEC)) <
            0) {
                pg_query_done(&f->query);
                f->wants_retry = true;
                return;
        }
        f->is_reading = true;
        f->n_pages++;
}

/* ---- Reasons to look ---- */

static void on_turned(struct event_relay_watch *t, int64_t head)
{
        struct record_feed *f = container_of(t, struct record_feed, turns);

        if (head == f->head && !f->wants_retry)
                return;
        f->head = head;
        f->wants_retry = false;
        f->is_stale = true; /* a page under way may have been read before */
        move_all(&f->ready, &f->idle);
        read_on(f);
}

/* ---- Life ---- */

void record_watch_start(struct record_watch *w, struct record_feed *f)
{
        w->feed = f;
        f->n_watches++;
        record_watch_go_on(w);
}

void record_watch_go_on(struct record_watch *w)
{
        if (list_is_linked(&w->link))
                return;
        w->look = w->feed->n_pages + 1;
        list_append(&w->feed->ready, &w->link);
        read_on(w->feed);
}

void record_watch_stop(struct record_watch *w)
{
        if (!w->feed)
                return;
        list_remove(&w->link);
        w->feed->n_watches--;
        w->feed = NULL;
}

void record_feed_start(struct record_feed *f, struct pg_pool *pool, struct event_relay *relay)
{
        f->pool = pool;
        f->relay = relay;
        list_init(&f->ready);
        list_init(&f->idle);
        f->turns.turned = on_turned;
        event_relay_watch_add(relay, &f->turns);
}

void record_feed_stop(struct record_feed *f)
{
        if (!f->relay)
                return;
        event_relay_watch_remove(&f->turns);
        pg_query_done(&f->query);
        f->relay = NULL;
}
