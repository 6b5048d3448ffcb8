/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */

/* A command from its registration to its end. */

#include <errno.h>
#include <stdio.h>

#include "base/alloc.h"
#include "gateway/calculation_internal.h"

#define LOOK_USEC USEC_PER_SEC /* how often the row of one that is waited for is read */

/* ---- Who waits for what ---- */

void calculation_leave(struct calculation_command *c)
{
        struct calculation_topic *t = TAKE_PTR(c->topic);

        if (!t)
                return;
        list_remove(&c->topic_link);
        if (!list_is_empty(&t->commands))
                return;
        map_remove(&c->calculations->topics, &t->entry);
        free(t);
}

int calculation_enter(struct calculation_command *c)
{
        struct calculations *s = c->calculations;
        struct map_entry *e = map_get(&s->topics, c->id);
        struct calculation_topic *t = e ? container_of(e, struct calculation_topic, entry) : NULL;
        int r;

        if (!t) {
                t = new0(struct calculation_topic, 1);
                if (!t)
                        return -ENOMEM;
                (void)snprintf(t->id, sizeof(t->id), "%s", c->id);
                t->entry.key = t->id;
                list_init(&t->commands);
                r = map_put(&s->topics, t->id, &t->entry);
                if (r < 0) {
                        free(t);
                        return r;
                }
        }
        c->topic = t;
        list_append(&t->commands, &c->topic_link);
        return 0;
}

/* ---- The end ---- */

void calculation_stop(struct calculation_command *c)
{
        calculation_leave(c);
        list_remove(&c->link);
        loop_timer_done(&c->timer);
        pg_query_done(&c->query);
        pg_member_cancel(&c->submission);
        c->phase = CALCULATION_IDLE;
}

static void finish(struct calculation_command *c, enum calculation_outcome outcome)
{
        calculation_stop(c);
        c->outcome = outcome;
        c->complete(c);
}

void calculation_fail(struct calculation_command *c, int error)
{
        c->error = error;
        finish(c, CALCULATION_FAILED);
}

void calculation_refuse(struct calculation_command *c, unsigned status, const char *slug, const char *detail)
{
        c->status = status;
        (void)snprintf(c->slug, sizeof(c->slug), "%s", slug);
        (void)snprintf(c->detail, sizeof(c->detail), "%s", detail);
        finish(c, CALCULATION_REFUSED);
}

int calculation_keep(struct calculation_command *c, const char *json, size_t n)
{
        char *copy = memdup_str(json, n);

        if (!copy)
                return -ENOMEM;
        free(c->json);
        c->json = copy;
        c->json_size = n;
        return 0;
}

void calculation_show(struct calculation_command *c, const char *json, size_t n, bool is_final)
{
        int r = calculation_keep(c, json, n);

        if (r < 0) {
                calculation_fail(c, r);
                return;
        }
        c->is_final = is_final;
        finish(c, CALCULATION_SHOWN);
}

/* The time is over: what is known is shown. */
void calculation_give_up(struct calculation_command *c)
{
        if (c->is_kept)
                finish(c, CALCULATION_SHOWN);
        else if (c->calculations->is_draining)
                calculation_fail(c, -ECANCELED);
        else
                calculation_refuse(c, 504, "timed-out", "nobody has computed it in that time");
}

/* ---- Waiting ---- */

static void on_timer(struct loop_timer *t)
{
        struct calculation_command *c = container_of(t, struct calculation_command, timer);

        if (c->is_kept)
                calculation_read(c);
        else
                calculation_give_up(c);
}

int calculation_arm(struct calculation_command *c)
{
        usec_t now = clock_monotonic_usec(), delay = c->until_usec > now ? c->until_usec - now : 0;

        c->phase = CALCULATION_WAITING;
        if (c->is_kept)
                delay = MIN_OF(delay, LOOK_USEC);
        return loop_timer_start(&c->timer, service_loop(c->calculations->service), delay, on_timer);
}

void calculation_wait(struct calculation_command *c)
{
        int r;

        if (c->until_usec <= clock_monotonic_usec() || c->calculations->is_draining) {
                calculation_give_up(c);
                return;
        }
        r = calculation_arm(c);
        if (r < 0)
                calculation_fail(c, r);
}

static void on_read(struct pg_query *q)
{
        struct calculation_command *c = container_of(q, struct calculation_command, query);
        int r = q->status;

        if (r == 0 && pg_query_rows(q) == 0) {
                calculation_refuse(c, 404, "not-found", "there is no such calculation");
                return;
        }
        if (r == 0 && pg_row_bool(q, 0, 1)) {
                c->calculations->counters.n_found++;
                calculation_show(c, pg_row_text(q, 0, 0), pg_row_size(q, 0, 0), true);
                return;
        }
        if (r == 0)
                r = calculation_keep(c, pg_row_text(q, 0, 0), pg_row_size(q, 0, 0));
        /* With an answer in hand a database that is away for a moment is no reason to end. */
        if (r < 0 && !c->json)
                calculation_fail(c, r);
        else
                calculation_wait(c);
}

int calculation_begin_read(struct calculation_command *c)
{
        c->phase = CALCULATION_READING;
        calculation_store_read(&c->query, c->id, on_read);
        return pg_query_submit(&c->query, c->calculations->pool, PG_LANE_READ,
                               usec_add(clock_monotonic_usec(), CALCULATION_STATEMENT_USEC));
}

void calculation_read(struct calculation_command *c)
{
        int r = calculation_begin_read(c);

        if (r < 0)
                calculation_fail(c, r);
}

/* ---- Answers ---- */

void calculation_answered(struct calculation_feed *f, const char *id, const char *json, size_t n)
{
        struct calculations *s = container_of(f, struct calculations, feed);
        struct map_entry *e = map_get(&s->topics, id);
        struct calculation_topic *t = e ? container_of(e, struct calculation_topic, entry) : NULL;
        struct list told;
        struct list_link *i;

        calculation_announce(s);
        if (!t)
                return;
        /* All leave it, so the topic ends here.  The worker may have been faster than the answer to the
         * INSERT: then its own stands. */
        list_init(&told);
        while ((i = list_first(&t->commands))) {
                LIST_ENTRY(i, struct calculation_command, topic_link)->topic = NULL;
                list_remove(i);
                list_append(&told, i);
        }
        map_remove(&s->topics, &t->entry);
        free(t);
        while ((i = list_first(&told))) {
                struct calculation_command *c = LIST_ENTRY(i, struct calculation_command, topic_link);

                list_remove(i);
                if (c->phase == CALCULATION_SUBMITTING)
                        s->counters.n_submitted++;
                s->counters.n_told++;
                calculation_show(c, json, n, true);
        }
}

void calculation_failed(struct calculation_feed *f, const char *id, int status)
{
        struct calculations *s = container_of(f, struct calculations, feed);
        struct map_entry *e = map_get(&s->topics, id);
        struct calculation_topic *t = e ? container_of(e, struct calculation_topic, entry) : NULL;
        struct list_link *first = t ? list_first(&t->commands) : NULL;
        struct calculation_command *c =
                first ? LIST_ENTRY(first, struct calculation_command, topic_link) : NULL;

        if (c && !c->is_kept)
                calculation_refuse(c, 503, "broker-unavailable", "the message did not reach the broker");
        else
                calculation_sweep_lost(&s->sweep, id);
}
