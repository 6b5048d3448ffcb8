/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */

#include <errno.h>

#include "gateway/calculation_internal.h"
#include "service/log.h"

#define SWEEP_USEC USEC_PER_SEC
/* A statement that does not come through is one of the next sweep. */
#define STATEMENT_USEC (10 * USEC_PER_SEC)

static int submit(struct calculation_sweep *w, struct pg_query *q, enum pg_lane lane)
{
        return pg_query_submit(q, w->owner->pool, lane, usec_add(clock_monotonic_usec(), STATEMENT_USEC));
}

static void on_timer(struct loop_timer *t);

static void arm(struct calculation_sweep *w)
{
        int r = loop_timer_start(&w->timer, service_loop(w->owner->service), SWEEP_USEC, on_timer);

        if (r < 0)
                service_fail(w->owner->service, r);
}

/* ---- What nobody has computed ---- */

static void on_resent(struct pg_query *q)
{
        struct calculation_sweep *w = container_of(q, struct calculation_sweep, resend);
        struct calculations *s = w->owner;

        w->is_resending = false;
        for (size_t i = 0; q->status == 0 && i < pg_query_rows(q); i++) {
                struct calculation_letter l = calculation_store_letter(q, i);

                s->counters.n_resent++;
                if (calculation_feed_send(&s->feed, &l) < 0)
                        calculation_sweep_lost(w, l.id);
        }
}

static void begin_resend(struct calculation_sweep *w)
{
        if (w->is_resending || !calculation_feed_can_send(&w->owner->feed))
                return;
        calculation_store_resend(&w->resend, on_resent);
        w->is_resending = submit(w, &w->resend, PG_LANE_WRITE) == 0;
}

/* ---- What has expired ---- */

static void on_expired(struct pg_query *q)
{
        struct calculation_sweep *w = container_of(q, struct calculation_sweep, expire);

        w->is_expiring = false;
        if (q->status < 0 || pg_query_rows(q) != 1)
                return;
        w->owner->counters.n_expired += (uint64_t)pg_row_int(q, 0, 0);
        calculation_announce(w->owner);
}

static void begin_expire(struct calculation_sweep *w)
{
        if (w->is_expiring)
                return;
        calculation_store_expire(&w->expire, on_expired);
        w->is_expiring = submit(w, &w->expire, PG_LANE_WRITE) == 0;
}

/* ---- What did not reach the broker ---- */

static void on_marked(struct pg_query *q)
{
        struct calculation_sweep *w = container_of(q, struct calculation_sweep, unsent);

        /* A failure costs 30 s: then the message is taken for lost anyway. */
        w->is_marking = false;
}

static void begin_mark(struct calculation_sweep *w)
{
        if (w->is_marking || buf_size(&w->lost) == 0)
                return;
        buf_append(&w->lost, "}", 2); /* with its NUL */
        if (buf_error(&w->lost) == 0) {
                calculation_store_unsent(&w->unsent, buf_bytes(&w->lost), on_marked);
                w->is_marking = submit(w, &w->unsent, PG_LANE_WRITE) == 0;
        }
        buf_done(&w->lost);
}

void calculation_sweep_lost(struct calculation_sweep *w, const char *id)
{
        buf_append_char(&w->lost, buf_size(&w->lost) == 0 ? '{' : ',');
        buf_append_str(&w->lost, id);
}

/* ---- The look ---- */

static void on_looked(struct pg_query *q)
{
        struct calculation_sweep *w = container_of(q, struct calculation_sweep, look);

        w->is_looking = false;
        if (q->status < 0 || pg_query_rows(q) != 1)
                return;
        if (pg_row_bool(q, 0, 0))
                begin_expire(w);
        if (pg_row_bool(q, 0, 1))
                begin_resend(w);
}

void calculation_sweep_poke(struct calculation_sweep *w)
{
        if (w->owner->is_draining || pg_pool_state(w->owner->pool) != PG_UP)
                return;
        begin_mark(w);
        if (w->is_looking)
                return;
        calculation_store_look(&w->look, on_looked);
        w->is_looking = submit(w, &w->look, PG_LANE_READ) == 0;
}

static void on_timer(struct loop_timer *t)
{
        struct calculation_sweep *w = container_of(t, struct calculation_sweep, timer);

        calculation_sweep_poke(w);
        arm(w);
}

int calculation_sweep_start(struct calculation_sweep *w, struct calculations *owner)
{
        w->owner = owner;
        return loop_timer_start(&w->timer, service_loop(owner->service), SWEEP_USEC, on_timer);
}

void calculation_sweep_stop(struct calculation_sweep *w)
{
        loop_timer_done(&w->timer);
        pg_query_done(&w->look);
        pg_query_done(&w->expire);
        pg_query_done(&w->resend);
        pg_query_done(&w->unsent);
        buf_done(&w->lost);
}
