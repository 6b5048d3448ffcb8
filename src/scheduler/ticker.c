/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */
#include "scheduler/ticker.h"

#include <stdio.h>

#include "scheduler/firing_store.h"
#include "scheduler/plan.h"
#include "scheduler/schedule_store.h"
#include "service/log.h"
#include "json/jwrite.h"

#define LOOK_MAX (5 * USEC_PER_SEC)              /* somebody may have edited it in psql */
#define QUERY_TIMEOUT (10 * USEC_PER_SEC)        /* also how long a look waits for the database */
#define RETRY_USEC USEC_PER_SEC                  /* the database answered with an error */
#define NOTHING_WON_USEC (5 * USEC_PER_MSEC)     /* others hold all that is due, or nothing of it fires */
#define BROKEN_USEC (60 * (int64_t)USEC_PER_SEC) /* a schedule whose zone has gone is looked at again */
#define PLANS_TIMES_MAX 1000                     /* firings in one offer, some 0.3 s of locks */

/* One plan is large for a stack, and one is enough. */
struct offer {
        struct buf json;
        struct jwrite w;
        struct plan plan;
        size_t n_times;
};

static void look(struct ticker *t);

static void set_hold(struct ticker *t, bool wanted)
{
        if (wanted == t->is_held)
                return;
        t->is_held = wanted;
        if (wanted)
                service_hold(t->service);
        else
                service_release(t->service);
}

static void on_timer(struct loop_timer *timer)
{
        look(container_of(timer, struct ticker, timer));
}

static void look_in(struct ticker *t, usec_t delay)
{
        if (!t->is_draining)
                (void)loop_timer_start(&t->timer, service_loop(t->service), MIN_OF(delay, LOOK_MAX),
                                       on_timer);
}

/* ---- The offer ---- */

static void write_int_or_null(struct jwrite *w, const char *key, int64_t v)
{
        jwrite_key(w, key);
        if (v == RECURRENCE_NEVER)
                jwrite_null(w);
        else
                jwrite_int(w, v);
}

static void write_times(struct offer *o, const struct recurrence *r, const char *name)
{
        const struct plan *p = &o->plan;

        jwrite_key(&o->w, "times");
        jwrite_array_begin(&o->w);
        for (unsigned i = 0; i < p->n_times; i++) {
                jwrite_array_begin(&o->w);
                jwrite_int(&o->w, p->times[i]);
                jwrite_int(&o->w, p->times[i] + (int64_t)recurrence_delay(r, name, p->times[i]));
                jwrite_array_end(&o->w);
        }
        jwrite_array_end(&o->w);
        if (p->n_missed == 0)
                return;
        jwrite_key(&o->w, "missed");
        jwrite_array_begin(&o->w);
        jwrite_int(&o->w, p->missed_first);
        jwrite_int(&o->w, p->missed_last);
        jwrite_int(&o->w, p->n_missed);
        jwrite_array_end(&o->w);
}

static void write_plan(struct offer *o, const struct schedule_row *row, const struct recurrence *r)
{
        jwrite_object_begin(&o->w);
        jwrite_pair(&o->w, "name", row->name);
        jwrite_key(&o->w, "version");
        jwrite_int(&o->w, row->version);
        jwrite_key(&o->w, "planned_to");
        jwrite_int(&o->w, row->planned_to);
        jwrite_key(&o->w, "to");
        jwrite_int(&o->w, o->plan.planned_to);
        write_int_or_null(&o->w, "next_time", o->plan.next_time);
        write_int_or_null(&o->w, "next_due", o->plan.next_due);
        write_times(o, r, row->name);
        jwrite_object_end(&o->w);
}

static void add_plan(struct ticker *t, struct offer *o, const struct schedule_row *row, int64_t now)
{
        struct plan_policy policy = {.grace_usec = t->grace_usec};
        struct recurrence r;
        int k;

        k = schedule_compile(&row->texts, t->zones, &r, &policy);
        if (k == 0) {
                plan_make(&r, row->name, &policy, row->planned_to, now, &o->plan);
        } else {
                /* Somebody edited the row, or its zone has left the system: told each time, tried again. */
                t->counters.n_broken++;
                log_fields(LOG_ERR, LOG_FIELDS({"SCHEDULE", row->name}),
                           "Schedule %s cannot be planned: is its time zone %s still known here?", row->name,
                           row->texts.timezone);
                o->plan = (struct plan){.planned_to = row->planned_to,
                                        .next_time = RECURRENCE_NEVER,
                                        .next_due = now + BROKEN_USEC};
        }
        write_plan(o, row, &r);
        o->n_times += o->plan.n_times;
        t->n_offered++;
}

/* What the ledger took of the offer: firings are counted, times that were missed are told. */
static void tell_taken(struct ticker *t, const struct pg_query *q)
{
        char first[RFC3339_SIZE], last[RFC3339_SIZE];
        struct firing_order o;

        for (size_t i = 0, n = pg_query_rows(q); i < n; i++) {
                firing_order_read(q, i, &o);
                if (*o.task_id) {
                        t->counters.n_fired++;
                        continue;
                }
                format_rfc3339(o.nominal_usec, first);
                format_rfc3339(o.due_usec, last);
                t->counters.n_missed += (uint64_t)o.priority;
                log_fields(LOG_NOTICE, LOG_FIELDS({"SCHEDULE", o.schedule}),
                           "Schedule %s: %lld times from %s to %s were missed and are left out", o.schedule,
                           (long long)o.priority, first, last);
        }
}

static void on_offered(struct pg_query *q)
{
        struct ticker *t = container_of(q, struct ticker, offer);
        int status = q->status;
        size_t n = status == 0 ? pg_query_rows(q) : 0;

        t->is_offering = false;
        if (status < 0)
                log_debug("Cannot fire: %s", q->error);
        if (n > 0) {
                tell_taken(t, q);
                t->fired(t, q);
        }
        pg_query_done(q);
        if (t->is_draining)
                set_hold(t, false);
        else if (n > 0 || t->look_again)
                look(t);
        else
                look_in(t, status < 0 ? RETRY_USEC : NOTHING_WON_USEC);
}

/* True: an offer is on its way. */
static bool offer_plans(struct ticker *t, const struct pg_query *q)
{
        struct offer o = {.json = BUF_EMPTY};
        struct schedule_row row;
        int64_t now = schedule_row_now(q);
        size_t n = pg_query_rows(q);
        int r;

        o.w = jwrite_to(&o.json);
        jwrite_array_begin(&o.w);
        t->n_offered = 0;
        for (size_t i = 0; i < n && o.n_times < PLANS_TIMES_MAX && schedule_row_read(q, i, &row); i++)
                add_plan(t, &o, &row, now);
        jwrite_array_end(&o.w);
        if (t->n_offered > 0) {
                static const struct pg_statement fire_statement = {"schedule_fire",
                                                                   "SELECT * FROM schedule_fire($1, $2)"};
                char lease[32];

                (void)snprintf(lease, sizeof(lease), "%.3f", (double)t->lease_usec / (double)USEC_PER_SEC);
                pg_query_init(&t->offer, &fire_statement, on_offered);
                pg_query_text_n(&t->offer, buf_bytes(&o.json), buf_size(&o.json));
                pg_query_text(&t->offer, lease);
                r = buf_error(&o.json);
                if (r == 0)
                        r = pg_query_submit(&t->offer, t->pool, PG_LANE_WRITE,
                                            usec_add(clock_monotonic_usec(), QUERY_TIMEOUT));
                t->is_offering = r == 0;
        }
        buf_done(&o.json);
        return t->is_offering;
}

/* ---- The look ---- */

static void on_looked(struct pg_query *q)
{
        struct ticker *t = container_of(q, struct ticker, look);
        struct schedule_row row;

        t->is_looking = false;
        if (q->status < 0 || pg_query_rows(q) == 0 || t->is_draining) {
                pg_query_done(q);
                look_in(t, RETRY_USEC);
                return;
        }
        t->counters.n_looks++;
        int64_t now = schedule_row_now(q), next = schedule_row_next(q);
        bool is_due = schedule_row_read(q, 0, &row);

        set_hold(t, is_due || next != RECURRENCE_NEVER);
        if (!is_due || !offer_plans(t, q)) {
                look_in(t, is_due ? RETRY_USEC : next == RECURRENCE_NEVER ? LOOK_MAX : (usec_t)(next - now));
        }
        pg_query_done(q);
        if (t->look_again && !t->is_offering)
                look(t);
}

static void look(struct ticker *t)
{
        if (t->is_draining)
                return;
        t->look_again = t->is_looking || t->is_offering;
        if (t->look_again)
                return;
        if (!t->has_room(t)) {
                look_in(t, LOOK_MAX);
                return;
        }
        loop_timer_stop(&t->timer);
        schedule_store_due(&t->look, on_looked);
        t->is_looking = pg_query_submit(&t->look, t->pool, PG_LANE_READ,
                                        usec_add(clock_monotonic_usec(), QUERY_TIMEOUT)) == 0;
        if (!t->is_looking)
                look_in(t, RETRY_USEC);
}

void ticker_start(struct ticker *t)
{
        set_hold(t, true);
        look(t);
}

void ticker_poke(struct ticker *t)
{
        look(t);
}

void ticker_drain(struct ticker *t)
{
        t->is_draining = true;
        loop_timer_stop(&t->timer);
        if (!t->is_offering)
                set_hold(t, false);
}

void ticker_done(struct ticker *t)
{
        if (!t->service)
                return;
        pg_query_done(&t->look);
        pg_query_done(&t->offer);
        loop_timer_done(&t->timer);
        set_hold(t, false);
}
