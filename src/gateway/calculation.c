/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

#include "base/alloc.h"
#include "base/id.h"
#include "base/str.h"
#include "gateway/calculation_internal.h"
#include "web/web.h"

#define LOCATION "/api/calculations/"

/* ---- Ids ---- */

/* They ascend with time, so that the newest rows lie together: milliseconds since 1970, then chance. */
static void make_id(char out[CALCULATION_ID_SIZE])
{
        char chance[ID_SIZE];

        id_make(chance);
        (void)snprintf(out, CALCULATION_ID_SIZE, "%012" PRIx64 "%.20s",
                       (clock_wall_usec() / 1000) & UINT64_C(0xffffffffffff), chance);
}

bool calculation_id_is_valid(const char *id)
{
        size_t n = strspn(id, "0123456789abcdef");

        return n == CALCULATION_ID_SIZE - 1 && id[n] == '\0';
}

/* ---- Commands ---- */

static void begin(struct calculation_command *c, struct calculations *s, usec_t until_usec,
                  calculation_fn complete)
{
        *c = (struct calculation_command){
                .complete = complete,
                .calculations = s,
                .is_kept = true,
                .until_usec = until_usec,
        };
        list_append(&s->commands, &c->link);
}

static int send_letter(struct calculation_command *c)
{
        const struct calculation_letter letter = {
                .id = c->id,
                .expression = c->input.expression,
                .deadline = c->input.deadline,
                .request_id = c->request_id,
                .digits = c->input.digits,
                .is_kept = c->is_kept,
        };

        return calculation_feed_send(&c->calculations->feed, &letter);
}

/* The first answer to this key: of the calculation that it began, as it is now. */
static void follow_replay(struct calculation_command *c, const struct pg_query *q, size_t row)
{
        const char *id = startswith(pg_row_text(q, row, 3), LOCATION);
        int r;

        c->is_replayed = true;
        c->calculations->counters.n_replayed++;
        if (!id || !calculation_id_is_valid(id)) {
                calculation_fail(c, -EIO);
                return;
        }
        calculation_leave(c);
        (void)snprintf(c->id, sizeof(c->id), "%s", id);
        r = c->until_usec > 0 ? calculation_enter(c) : 0;
        if (r < 0)
                calculation_fail(c, r);
        else
                calculation_read(c);
}

static void on_committed(struct calculation_command *c, const struct pg_query *q, size_t row)
{
        int r = calculation_keep(c, pg_row_text(q, row, 4), pg_row_size(q, row, 4));

        if (r < 0) {
                calculation_fail(c, r);
                return;
        }
        c->calculations->counters.n_submitted++;
        if (!c->is_sent && send_letter(c) < 0)
                calculation_sweep_lost(&c->calculations->sweep, c->id);
        calculation_wait(c);
}

/* The outcome of a write_row; 0: done; 1: it has been dealt with. */
static int read_outcome(struct calculation_command *c, const struct pg_query *q, size_t row)
{
        const char *outcome;

        if (q->status < 0 || pg_query_rows(q) <= row) {
                /* Sent but unanswered: nobody here knows whether it was committed. */
                bool is_unknown = q->was_sent && (q->status == -ETIMEDOUT || q->status == -ECANCELED);

                calculation_fail(c, is_unknown ? -ECONNRESET : q->status < 0 ? q->status : -EIO);
                return 1;
        }
        outcome = pg_row_text(q, row, 0);
        if (streq(outcome, "done") || streq(outcome, "replayed"))
                return 0;
        calculation_refuse(c, (unsigned)pg_row_int(q, row, 1), outcome, pg_row_text(q, row, 4));
        return 1;
}

static void on_submitted(struct pg_member *m, const struct pg_query *q, size_t row)
{
        struct calculation_command *c = container_of(m, struct calculation_command, submission);

        if (read_outcome(c, q, row) != 0)
                return;
        if (streq(pg_row_text(q, row, 0), "replayed"))
                follow_replay(c, q, row);
        else
                on_committed(c, q, row);
}

/* With nothing ahead of it the commit takes less time than the broker: then the message need not wait for it.
 * A worker that is faster all the same looks for the row again, and a message without a row is forgotten.
 * With a key the row may turn out to be another's. */
static bool may_overtake(const struct calculation_command *c)
{
        const struct calculations *s = c->calculations;

        return !c->key && pg_pool_state(s->pool) == PG_UP && pg_group_line_is_idle(s->submissions);
}

static int submit_kept(struct calculation_command *c)
{
        bool overtakes = may_overtake(c);
        int r;

        c->phase = CALCULATION_SUBMITTING;
        r = pg_member_submit(&c->submission, c->calculations->submissions,
                             usec_add(clock_monotonic_usec(), CALCULATION_STATEMENT_USEC), on_submitted);
        if (r == 0 && overtakes)
                c->is_sent = send_letter(c) == 0;
        return r;
}

static int send_transient(struct calculation_command *c)
{
        int r = send_letter(c);

        if (r < 0)
                return r;
        c->is_sent = true;
        c->calculations->counters.n_transient++;
        return 0;
}

/* Who woke us came before the broker could answer us: the message goes when it has. */
static int submit_transient(struct calculation_command *c)
{
        const struct calculation_feed *f = &c->calculations->feed;
        int r = 0;

        if (calculation_feed_can_ask(f) || !calculation_feed_is_starting(f))
                r = send_transient(c);
        return r < 0 ? r : calculation_arm(c);
}

static void send_unsent(struct calculations *s)
{
        struct list unsent;
        struct list_link *i;

        list_init(&unsent);
        LIST_FOREACH_SAFE (j, &s->commands) {
                struct calculation_command *c = LIST_ENTRY(j, struct calculation_command, link);

                if (c->is_kept || c->is_sent || c->phase != CALCULATION_WAITING)
                        continue;
                list_remove(j);
                list_append(&unsent, j);
        }
        while ((i = list_first(&unsent))) {
                struct calculation_command *c = LIST_ENTRY(i, struct calculation_command, link);
                int r;

                list_remove(i);
                list_append(&s->commands, i);
                r = send_transient(c);
                if (r < 0)
                        calculation_fail(c, r);
        }
}

static void on_feed_changed(struct calculation_feed *f)
{
        struct calculations *s = container_of(f, struct calculations, feed);

        if (!calculation_feed_is_starting(f))
                send_unsent(s);
        if (calculation_feed_can_send(f))
                calculation_sweep_poke(&s->sweep);
}

int calculation_submit(struct calculation_command *c, struct calculations *s,
                       const struct calculation_request *request, calculation_fn complete)
{
        int r = 0;

        begin(c, s, request->wait_until_usec, complete);
        c->input = *request->input;
        *request->input = (struct calculation_input){NULL};
        c->key = request->key;
        c->hash = request->hash;
        c->request_id = request->request_id;
        c->is_kept = !c->input.is_transient;
        make_id(c->id);
        if (c->until_usec > 0)
                r = calculation_enter(c);
        if (r == 0)
                r = c->is_kept ? submit_kept(c) : submit_transient(c);
        if (r < 0)
                calculation_stop(c);
        return r;
}

int calculation_get(struct calculation_command *c, struct calculations *s, const char *id, usec_t until_usec,
                    calculation_fn complete)
{
        int r = 0;

        begin(c, s, until_usec, complete);
        (void)snprintf(c->id, sizeof(c->id), "%s", id);
        if (until_usec > 0)
                r = calculation_enter(c);
        if (r == 0)
                r = calculation_begin_read(c);
        if (r < 0)
                calculation_stop(c);
        return r;
}

static void on_cancelled(struct pg_query *q)
{
        struct calculation_command *c = container_of(q, struct calculation_command, query);
        struct calculations *s = c->calculations;
        _cleanup_free_ char *json = NULL;
        size_t n;

        if (read_outcome(c, q, 0) != 0)
                return;
        n = pg_row_size(q, 0, 4);
        json = memdup_str(pg_row_text(q, 0, 4), n);
        if (!json) {
                calculation_fail(c, -ENOMEM);
                return;
        }
        c->is_replayed = streq(pg_row_text(q, 0, 0), "replayed");
        calculation_leave(c);
        calculation_answered(&s->feed, c->id, json, n); /* whoever waits for it here */
        calculation_show(c, json, n, true);
}

int calculation_cancel(struct calculation_command *c, struct calculations *s, const char *id, const char *key,
                       const char *hash, calculation_fn complete)
{
        int r;

        begin(c, s, 0, complete);
        (void)snprintf(c->id, sizeof(c->id), "%s", id);
        c->phase = CALCULATION_SUBMITTING;
        calculation_store_cancel(&c->query, key, hash, c->id, on_cancelled);
        r = pg_query_submit(&c->query, s->pool, PG_LANE_WRITE,
                            usec_add(clock_monotonic_usec(), CALCULATION_STATEMENT_USEC));
        if (r < 0)
                calculation_stop(c);
        return r;
}

void calculation_command_done(struct calculation_command *c)
{
        if (c->calculations)
                calculation_stop(c);
        calculation_input_done(&c->input);
        free(c->json);
        *c = (struct calculation_command){.outcome = c->outcome};
}

/* ---- Events ---- */

/* An answer a millisecond would mean as many turns of the relay, each with a commit of its own that the next
 * calculation has to wait behind. */
#define ANNOUNCE_USEC (50 * USEC_PER_MSEC)

static void on_announce(struct loop_timer *t)
{
        struct calculations *s = container_of(t, struct calculations, announce);

        s->committed(s->context);
}

void calculation_announce(struct calculations *s)
{
        if (loop_timer_is_armed(&s->announce))
                return;
        if (s->is_draining ||
            loop_timer_start(&s->announce, service_loop(s->service), ANNOUNCE_USEC, on_announce) < 0)
                s->committed(s->context);
}

/* ---- Life ---- */

int calculations_new(struct calculations **ret, struct service *service, struct pg_pool *pool,
                     const struct mq_conf *broker, void (*committed)(void *context), void *context)
{
        struct calculations *s = new0(struct calculations, 1);
        int r;

        if (!s)
                return -ENOMEM;
        s->service = service;
        s->pool = pool;
        s->committed = committed;
        s->context = context;
        s->feed.answered = calculation_answered;
        s->feed.failed = calculation_failed;
        s->feed.changed = on_feed_changed;
        map_init(&s->topics);
        list_init(&s->commands);
        r = pg_group_line_new(&s->submissions, service_loop(service), pool, &calculation_store_submit, NULL);
        if (r == 0)
                r = calculation_feed_open(&s->feed, service, broker);
        if (r == 0)
                r = calculation_sweep_start(&s->sweep, s);
        if (r < 0) {
                calculations_free(s);
                return r;
        }
        *ret = s;
        return 0;
}

void calculations_metrics(const struct calculations *s, struct buf *out)
{
        const struct calculation_counters *n = &s->counters;
        const struct web_metric metrics[] = {
                {"lonja_calculations_submitted_total", "counter", "Calculations that were committed.",
                 n->n_submitted},
                {"lonja_calculations_transient_total", "counter", "Calculations without a row.",
                 n->n_transient},
                {"lonja_calculations_replayed_total", "counter", "Submissions that repeated an earlier one.",
                 n->n_replayed},
                {"lonja_calculations_told_total", "counter", "Waiting callers that the worker woke.",
                 n->n_told},
                {"lonja_calculations_found_total", "counter", "Results that were read from the database.",
                 n->n_found},
                {"lonja_calculations_resent_total", "counter", "Messages that were sent again.", n->n_resent},
                {"lonja_calculations_expired_total", "counter", "Deadlines recorded by the sweep.",
                 n->n_expired},
                {"lonja_calculations_waiting", "gauge", "Ids that somebody waits for.", s->topics.n_entries},
        };

        web_metrics(out, metrics, ARRAY_SIZE(metrics));
}

void calculations_drain(struct calculations *s)
{
        struct list waiting;
        struct list_link *i;

        s->is_draining = true;
        if (loop_timer_is_armed(&s->announce)) {
                loop_timer_stop(&s->announce);
                s->committed(s->context);
        }
        list_init(&waiting);
        LIST_FOREACH_SAFE (j, &s->commands) {
                struct calculation_command *c = LIST_ENTRY(j, struct calculation_command, link);

                if (c->phase != CALCULATION_WAITING)
                        continue; /* its statement ends soon, and then it does not wait */
                list_remove(j);
                list_append(&waiting, j);
        }
        while ((i = list_first(&waiting)))
                calculation_give_up(LIST_ENTRY(i, struct calculation_command, link));
}

struct calculations *calculations_free(struct calculations *s)
{
        if (!s)
                return NULL;
        loop_timer_done(&s->announce);
        calculation_sweep_stop(&s->sweep);
        calculation_feed_close(&s->feed);
        pg_group_line_free(s->submissions);
        map_done(&s->topics);
        free(s);
        return NULL;
}
