/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */

#include <errno.h>
#include <string.h>

#include "base/alloc.h"
#include "contract/event_message.h"
#include "notifier/feed.h"
#include "service/log.h"

#define TICK_USEC USEC_PER_SEC
#define PREFETCH 1000      /* nothing is acknowledged; how many the link may hold for us */
#define READ_AT_START 1000 /* events put into the ring at first: clients that come back after a restart */

static void read_on(struct feed *f);

/* ---- The ring ---- */

static struct feed_event *slot_of(const struct feed *f, int64_t offset)
{
        return &f->ring[(uint64_t)offset % f->conf.recent_max];
}

const struct feed_event *feed_at(const struct feed *f, int64_t offset)
{
        assert(offset >= f->ring_first && offset <= f->last);
        return slot_of(f, offset);
}

static void drop_oldest(struct feed *f)
{
        struct feed_event *e = slot_of(f, f->ring_first);

        f->ring_bytes -= e->frame->size;
        ws_frame_unref(e->frame);
        free(e->type);
        *e = (struct feed_event){0};
        f->ring_first++;
}

static void empty_ring(struct feed *f)
{
        while (f->ring_first <= f->last && f->is_placed)
                drop_oldest(f);
}

static int add(struct feed *f, const struct pg_query *q, size_t row)
{
        _cleanup_(ws_frame_unrefp) struct ws_frame *frame = NULL;
        _cleanup_free_ char *type = NULL;
        int64_t offset = event_log_offset(q, row);
        int r;

        r = event_log_frame(q, row, &frame);
        if (r == 0)
                r = strdup_to(&type, event_log_type(q, row));
        if (r < 0)
                return r;
        while (f->ring_first <= f->last && (f->last - f->ring_first + 1 >= (int64_t)f->conf.recent_max ||
                                            f->ring_bytes + frame->size > f->conf.recent_bytes))
                drop_oldest(f);
        f->ring_bytes += frame->size;
        *slot_of(f, offset) = (struct feed_event){offset, TAKE_PTR(frame), TAKE_PTR(type)};
        f->last = offset;
        f->n_events++;
        return 0;
}

/* ---- Looks ---- */

static void place(struct feed *f, int64_t first, int64_t last)
{
        f->is_placed = true;
        f->first = first;
        f->last = MAX_OF(first - 1, last - READ_AT_START);
        f->ring_first = f->last + 1;
        f->ring_bytes = 0;
}

static void lose_place(struct feed *f)
{
        log_notice("The log of events is another than before: streams begin anew");
        empty_ring(f);
        f->is_placed = false;
        f->reset(f);
}

/* 0; 1: the place is lost. */
static int take_page(struct feed *f)
{
        const struct pg_query *q = &f->query;
        size_t n = event_log_rows(q);
        int64_t first, last;
        int r;

        event_log_head(q, &first, &last);
        if (!f->has_goal) {
                f->goal = last;
                f->has_goal = true;
        }
        if (!f->is_placed) {
                place(f, first, last);
                return 0;
        }
        if (last < f->last || first > f->last + 1 || (n > 0 && event_log_offset(q, 0) != f->last + 1))
                return 1;
        f->first = first;
        for (size_t i = 0; i < n; i++) {
                r = add(f, q, i);
                if (r < 0)
                        return r;
        }
        return 0;
}

static void end_look(struct feed *f)
{
        f->n_looked = f->n_begun;
        f->has_goal = false;
        f->looked(f);
        if (f->is_on && f->wants_look && !f->is_reading)
                read_on(f);
}

static void on_read(struct pg_query *q)
{
        struct feed *f = container_of(q, struct feed, query);
        int r = q->status;

        f->is_reading = false;
        if (r == 0)
                r = take_page(f);
        pg_query_done(&f->query);
        if (r > 0) {
                lose_place(f);
                f->has_goal = false;
        }
        if (r < 0) { /* the tick tries again */
                f->n_failures++;
                log_debug_errno(r, "Cannot read the log of events: %m");
                return;
        }
        if (r == 0 && f->has_goal && f->last >= f->goal)
                end_look(f);
        else if (f->is_on)
                read_on(f);
}

/* Begins a look, or goes on with one. */
static void read_on(struct feed *f)
{
        int r;

        if (!f->has_goal) {
                f->n_begun++;
                f->wants_look = false;
        }
        r = event_log_read(&f->query, f->pool, f->is_placed ? f->last : 0, f->is_placed ? EVENT_LOG_PAGE : 0,
                           on_read);
        f->is_reading = r == 0;
        if (r == 0)
                f->n_reads++;
        else
                pg_query_done(&f->query);
}

uint64_t feed_look(struct feed *f)
{
        if (!f->is_reading) {
                f->has_goal = false; /* one that failed halfway does not count */
                read_on(f);
                return f->n_begun;
        }
        f->wants_look = true;
        return f->n_begun + 1;
}

static void on_tick(struct loop_timer *t)
{
        struct feed *f = container_of(t, struct feed, tick);

        (void)loop_timer_start(&f->tick, f->loop, TICK_USEC, on_tick);
        if (!f->is_reading)
                (void)feed_look(f);
}

/* ---- The broker ---- */

static void on_delivered(struct mq_consumer *c, const struct mq_delivery *d)
{
        struct feed *f = container_of(c, struct feed, consumer);
        struct event_message e = {0};
        bool is_new;

        if (!f->is_on || event_message_decode(d->body, d->body_size, &e) < 0)
                return;
        is_new = !f->is_placed || e.offset > f->last;
        event_message_done(&e);
        if (!is_new)
                return;
        f->n_wakes++;
        (void)feed_look(f);
}

/* What was published while nothing was bound. */
static void on_bound(struct mq_consumer *c)
{
        struct feed *f = container_of(c, struct feed, consumer);

        if (f->is_on)
                (void)feed_look(f);
}

static void on_lost(struct mq_consumer *c)
{
}

/* ---- Life ---- */

void feed_on(struct feed *f)
{
        if (f->is_on)
                return;
        f->is_on = true;
        (void)loop_timer_start(&f->tick, f->loop, TICK_USEC, on_tick);
}

void feed_off(struct feed *f)
{
        if (!f->is_on)
                return;
        f->is_on = false;
        loop_timer_stop(&f->tick);
        pg_query_done(&f->query);
        empty_ring(f);
        f->is_placed = f->is_reading = f->has_goal = f->wants_look = false;
}

int feed_start(struct feed *f, sd_event *loop, struct pg_pool *pool, struct mq_link *link,
               const struct feed_conf *conf)
{
        f->loop = loop;
        f->pool = pool;
        f->link = link;
        f->conf = *conf;
        f->consumer.delivered = on_delivered;
        f->consumer.started = on_bound;
        f->consumer.lost = on_lost;
        f->ring = new0(struct feed_event, conf->recent_max);
        if (!f->ring)
                return -ENOMEM;
        return mq_consumer_start(&f->consumer, link, "", PREFETCH, true);
}

void feed_stop(struct feed *f)
{
        if (!f->ring)
                return;
        feed_off(f);
        mq_consumer_stop(&f->consumer);
        loop_timer_done(&f->tick);
        free(f->ring);
        f->ring = NULL;
}
