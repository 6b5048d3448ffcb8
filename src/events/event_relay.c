/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */
#include "events/event_relay.h"

#include <assert.h>
#include <errno.h>

#include "base/alloc.h"
#include "base/id.h"
#include "base/str.h"
#include "contract/event_message.h"
#include "contract/names.h"
#include "mq/mq_publish.h"
#include "pg/pg_query.h"
#include "service/log.h"

/* One query, the turn, does all that changes anything: it sequences, records what was confirmed, and takes,
 * renews or gives up the lease (sql/0002_events.sql). One turn is in flight at most; who wants another
 * meanwhile gets it when the answer is there. Asked for by a poke, by the sweep, by confirms, by the broker's
 * coming and going.
 *
 *     AWAY --turn: the lease is ours--> HOLDING --turn: all is published, the lease given up--> AWAY
 *                                          |
 *          a publish or a read failed, the broker went away, turn: the lease is another's
 *                                          v
 *     AWAY <--no publish, no read left-- REWINDING
 *
 * HOLDING reads the log from `next` on, as far as the window reaches, and publishes what it read:
 *
 *         confirmed            next                head
 *     ........|=====????=??????|...................|        = confirmed, ? in flight
 *             |<---- window --->|
 *
 * A turn records the highest contiguous confirm. After REWINDING, and after a crash, publishing starts again
 * from what was recorded: repeats, never a hole.
 */

#define SEQUENCE_MAX 2000 /* rows moved by one turn: some 50 ms of lock on a slow disk */
#define LEASE_SEC 5
#define SWEEP_INTERVAL USEC_PER_SEC
#define QUERY_TIMEOUT (5 * USEC_PER_SEC)
#define WINDOW 512 /* in flight; a quarter of it is read at once */
#define READ_MAX (WINDOW / 4)
/* What was refused or could not be read is not tried again at once. */
#define RETRY_PAUSE (500 * USEC_PER_MSEC)

static const struct pg_statement turn_statement = {
        "event_relay_turn",
        "SELECT moved, head, published, is_holder FROM event_relay_turn($1, $2, $3, $4)",
};
static const struct pg_statement read_statement = {
        "event_read",
        "SELECT \"offset\", id, type, entity, rfc3339(time), version, request_id, data"
        " FROM event WHERE \"offset\" > $1 AND \"offset\" <= $2 ORDER BY \"offset\"",
};

enum relay_state { RELAY_AWAY, RELAY_HOLDING, RELAY_REWINDING };

struct event_slot {
        struct event_relay *relay;
        struct mq_publish publish;
        bool is_confirmed;
};

struct event_relay {
        struct service *service; /* all borrowed */
        struct pg_pool *pool;
        struct mq_link *link;
        struct mq_link_watch watch;
        struct list watches; /* of the turns */
        char who[ID_SIZE];
        bool is_draining, is_held;

        struct loop_task turn_task;
        struct loop_timer sweep;
        struct pg_query turn;
        bool is_turning, turn_again;
        bool is_poked, turn_is_poked; /* commits of ours: not yet looked for; looked for by this turn */
        usec_t not_before_usec;       /* the pause after a failure */

        enum relay_state state;
        struct pg_query read;
        bool is_reading;
        int64_t confirmed; /* all up to here; meaningful unless AWAY */
        int64_t next;      /* all up to here were submitted */
        int64_t told;      /* `confirmed` of the last turn */
        unsigned n_in_flight;
        struct event_slot window[WINDOW]; /* of offset o: o % WINDOW */

        struct event_relay_metrics metrics;
};

static void pump(struct event_relay *r);

/* ---- The hold ---- */

static bool has_work(const struct event_relay *r)
{
        if (!mq_link_can_publish(r->link))
                return false; /* nothing of it can be delivered */
        if (r->is_poked || r->turn_is_poked || r->state != RELAY_AWAY)
                return true;
        /* another relay is at it, or should be: we stay to see it done, unless we are asked to leave */
        return !r->is_draining && r->metrics.head > r->metrics.published;
}

static void update_hold(struct event_relay *r)
{
        bool wanted = has_work(r);

        if (wanted == r->is_held)
                return;
        r->is_held = wanted;
        if (wanted)
                service_hold(r->service);
        else
                service_release(r->service);
}

/* ---- Publishing ---- */

static bool is_idle(const struct event_relay *r)
{
        return r->n_in_flight == 0 && !r->is_reading;
}

static void rewind_begin(struct event_relay *r)
{
        if (r->state == RELAY_HOLDING)
                r->state = RELAY_REWINDING;
        pump(r);
}

static void on_published(struct mq_publish *p)
{
        struct event_slot *slot = container_of(p, struct event_slot, publish);
        struct event_relay *r = slot->relay;

        r->n_in_flight--;
        if (p->status == 0) {
                slot->is_confirmed = true;
                r->metrics.n_published++;
                while (r->confirmed < r->next && r->window[(r->confirmed + 1) % WINDOW].is_confirmed)
                        r->confirmed++;
                pump(r);
                return;
        }
        r->metrics.n_failed++;
        if (p->status == -EIO)
                r->not_before_usec = usec_add(clock_monotonic_usec(), RETRY_PAUSE);
        rewind_begin(r);
}

/* Publishes the event of one row. */
static int publish_row(struct event_relay *r, const struct pg_query *q, size_t row)
{
        int64_t offset = pg_row_int(q, row, 0);
        const char *id = pg_row_text(q, row, 1), *type = pg_row_text(q, row, 2);
        const char *request_id = pg_row_is_null(q, row, 6) ? NULL : pg_row_text(q, row, 6);
        const struct header headers[] = {{HEADER_REQUEST_ID, request_id}, {0}};
        struct event_slot *slot = &r->window[offset % WINDOW];
        _cleanup_(buf_done) struct buf body = BUF_EMPTY;
        struct mq_message message;
        int k;

        event_message_encode(&body, id, type, pg_row_text(q, row, 3), pg_row_text(q, row, 4), offset,
                             pg_row_int(q, row, 5), request_id, pg_row_text(q, row, 7));
        k = buf_error(&body);
        if (k < 0)
                return k;
        message = (struct mq_message){
                .exchange = EVENTS_EXCHANGE,
                .routing_key = type,
                .content_type = MEDIA_CLOUDEVENTS,
                .message_id = id,
                .type = type,
                .headers = request_id ? headers : NULL,
                .body = buf_bytes(&body),
                .body_size = buf_size(&body),
        };
        slot->is_confirmed = false;
        k = mq_publish_submit(&slot->publish, r->link, &message, USEC_INFINITY, on_published);
        if (k < 0)
                return k;
        r->n_in_flight++;
        r->next = offset;
        return 0;
}

static void on_read(struct pg_query *q)
{
        struct event_relay *r = container_of(q, struct event_relay, read);
        int k = q->status;

        r->is_reading = false;
        if (k == 0 && pg_query_rows(q) == 0)
                k = -EBADMSG;
        for (size_t i = 0; k >= 0 && r->state == RELAY_HOLDING && i < pg_query_rows(q); i++) {
                /* the log has no holes: anything else would confirm what was never sent */
                k = pg_row_int(q, i, 0) == r->next + 1 ? publish_row(r, q, i) : -EBADMSG;
        }
        if (k < 0)
                log_debug_errno(k, "Relay cannot publish after offset %lld: %m", (long long)r->next);
        if (k < 0 && k != -ENOTCONN) /* the broker's return ends the wait of that one */
                r->not_before_usec = usec_add(clock_monotonic_usec(), RETRY_PAUSE);
        pg_query_done(q);
        if (k < 0 || r->state != RELAY_HOLDING)
                rewind_begin(r);
        else
                pump(r);
}

static void start_read(struct event_relay *r)
{
        pg_query_init(&r->read, &read_statement, on_read);
        pg_query_int(&r->read, r->next);
        pg_query_int(&r->read, MIN_OF(r->next + READ_MAX, r->metrics.head));
        if (pg_query_submit(&r->read, r->pool, PG_LANE_READ,
                            usec_add(clock_monotonic_usec(), QUERY_TIMEOUT)) < 0) {
                pg_query_done(&r->read);
                rewind_begin(r);
                return;
        }
        r->is_reading = true;
}

/* What can be done now? */
static void pump(struct event_relay *r)
{
        if (r->state == RELAY_HOLDING && !r->is_reading && r->next < r->metrics.head &&
            r->next - r->confirmed + READ_MAX <= WINDOW)
                start_read(r);
        if (r->state == RELAY_REWINDING && is_idle(r)) {
                r->state = RELAY_AWAY;
                loop_task_schedule(&r->turn_task);
                update_hold(r);
        }
        /* a turn for every few, or for the last */
        if (r->state == RELAY_HOLDING && r->confirmed > r->told &&
            (r->confirmed == r->next || r->confirmed - r->told >= READ_MAX))
                loop_task_schedule(&r->turn_task);
}

/* ---- The turn ---- */

static void adopt_lease(struct event_relay *r, bool is_holder)
{
        if (r->state == RELAY_AWAY && is_holder) {
                r->state = RELAY_HOLDING;
                r->confirmed = r->next = r->told = r->metrics.published;
        } else if (r->state == RELAY_HOLDING && !is_holder && is_idle(r)) {
                r->state = RELAY_AWAY; /* all is published */
        } else if (r->state == RELAY_HOLDING && (!is_holder || r->metrics.published > r->confirmed)) {
                /* it was taken from us, and perhaps given back by one who has come further */
                r->state = RELAY_REWINDING;
        }
}

static void tell_watches(struct event_relay *r)
{
        LIST_FOREACH_SAFE (i, &r->watches) {
                struct event_relay_watch *w = LIST_ENTRY(i, struct event_relay_watch, link);

                w->turned(w, r->metrics.head);
        }
}

static void on_turned(struct pg_query *q)
{
        struct event_relay *r = container_of(q, struct event_relay, turn);
        bool ok = q->status == 0 && pg_query_rows(q) == 1, is_holder = false;
        int64_t moved = 0;

        r->is_turning = false;
        if (ok) {
                moved = pg_row_int(q, 0, 0);
                r->metrics.head = pg_row_int(q, 0, 1);
                r->metrics.published = pg_row_int(q, 0, 2);
                is_holder = pg_row_bool(q, 0, 3);
                r->metrics.n_sequenced += (uint64_t)moved;
        } else {
                log_debug_errno(q->status, "Relay: %m %s", q->error);
        }
        pg_query_done(q);

        /* without an answer nobody knows whose the lease is: the log decides, repeats do no harm */
        adopt_lease(r, is_holder);
        /* after an error the sweep tries again: nothing can be delivered now */
        r->turn_is_poked = false;
        r->is_poked = r->is_poked || moved == SEQUENCE_MAX;
        if (ok && (r->turn_again || moved == SEQUENCE_MAX))
                loop_task_schedule(&r->turn_task);
        pump(r);
        update_hold(r);
        if (ok)
                tell_watches(r);
}

static bool can_publish(const struct event_relay *r)
{
        return mq_link_can_publish(r->link) && r->state != RELAY_REWINDING &&
               clock_monotonic_usec() >= r->not_before_usec;
}

static void on_turn_task(struct loop_task *t)
{
        struct event_relay *r = container_of(t, struct event_relay, turn_task);

        if (r->is_turning) {
                r->turn_again = true;
                return;
        }
        r->turn_again = false;
        r->told = r->confirmed;
        r->turn_is_poked = r->is_poked;
        r->is_poked = false;
        pg_query_init(&r->turn, &turn_statement, on_turned);
        pg_query_text(&r->turn, r->who);
        pg_query_int(&r->turn, SEQUENCE_MAX);
        pg_query_int(&r->turn, can_publish(r) ? LEASE_SEC : 0);
        pg_query_int(&r->turn, r->state == RELAY_AWAY ? 0 : r->confirmed);
        if (pg_query_submit(&r->turn, r->pool, PG_LANE_WRITE,
                            usec_add(clock_monotonic_usec(), QUERY_TIMEOUT)) < 0) {
                pg_query_done(&r->turn);
                r->turn_is_poked = false;
                rewind_begin(r);
                update_hold(r);
                return;
        }
        r->is_turning = true;
}

static void on_sweep(struct loop_timer *t)
{
        struct event_relay *r = container_of(t, struct event_relay, sweep);

        (void)loop_timer_start(&r->sweep, service_loop(r->service), SWEEP_INTERVAL, on_sweep);
        if (!r->is_turning && (!r->is_draining || r->state != RELAY_AWAY))
                loop_task_schedule(&r->turn_task);
}

static void on_link_changed(struct mq_link_watch *w, bool up)
{
        struct event_relay *r = container_of(w, struct event_relay, watch);

        if (!up && !mq_link_can_publish(r->link))
                rewind_begin(r);
        loop_task_schedule(&r->turn_task); /* take the lease, or give it up */
        update_hold(r);
}

/* ---- Life ---- */

int event_relay_new(struct event_relay **ret, struct service *service, struct pg_pool *pool,
                    struct mq_link *link)
{
        _cleanup_(event_relay_freep) struct event_relay *r = NULL;
        int k;

        r = new0(struct event_relay, 1);
        if (!r)
                return -ENOMEM;
        r->service = service;
        r->pool = pool;
        r->link = link;
        id_make(r->who);
        for (size_t i = 0; i < WINDOW; i++)
                r->window[i].relay = r;
        list_init(&r->watches);
        r->watch.changed = on_link_changed;
        mq_link_watch_add(link, &r->watch);
        k = loop_task_init(&r->turn_task, service_loop(service), on_turn_task);
        if (k < 0)
                return k;
        k = loop_timer_start(&r->sweep, service_loop(service), SWEEP_INTERVAL, on_sweep);
        if (k < 0)
                return k;
        loop_task_schedule(&r->turn_task); /* what a crash has left */
        *ret = TAKE_PTR(r);
        return 0;
}

void event_relay_poke(struct event_relay *r)
{
        r->is_poked = true;
        loop_task_schedule(&r->turn_task);
        update_hold(r);
}

void event_relay_drain(struct event_relay *r)
{
        r->is_draining = true;
        update_hold(r);
}

struct event_relay *event_relay_free(struct event_relay *r)
{
        if (!r)
                return NULL;
        mq_link_watch_remove(&r->watch);
        loop_timer_done(&r->sweep);
        loop_task_done(&r->turn_task);
        for (size_t i = 0; i < WINDOW; i++)
                mq_publish_cancel(&r->window[i].publish);
        pg_query_done(&r->turn);
        pg_query_done(&r->read);
        if (r->is_held)
                service_release(r->service);
        free(r);
        return NULL;
}

void event_relay_watch_add(struct event_relay *r, struct event_relay_watch *w)
{
        list_append(&r->watches, &w->link);
}

void event_relay_watch_remove(struct event_relay_watch *w)
{
        list_remove(&w->link);
}

void event_relay_metrics(const struct event_relay *r, struct event_relay_metrics *ret)
{
        *ret = r->metrics;
        ret->is_holder = r->state == RELAY_HOLDING;
}
