/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */
#include "scheduler/sender.h"

#include <errno.h>

#include "base/alloc.h"
#include "contract/names.h"
#include "contract/task_message.h"
#include "service/log.h"
#include "json/jread.h"

#define LOOK_USEC (5 * USEC_PER_SEC)
#define QUERY_TIMEOUT (10 * USEC_PER_SEC)
#define AWAY_PAUSE USEC_PER_SEC             /* a broker that comes back is told anyway */
#define IN_FLIGHT_MAX FIRING_TAKE_MAX       /* and one offer or take on top */
#define UNROUTABLE_PAUSE (5 * USEC_PER_SEC) /* until somebody declares the queue */

const uint64_t sender_late_bounds_usec[7] = {5000, 10000, 25000, 50000, 100000, 1000000, 10000000};

struct sending {
        struct mq_publish publish;
        struct list_link link;
        struct sender *sender; /* borrowed */
        const char *daemon;    /* whose bell to ring, or NULL */
        int64_t due_usec;
        char task_id[TASK_ID_SIZE];
};

static void count_late(struct sender_counters *c, int64_t due_usec)
{
        int64_t late = (int64_t)clock_wall_usec() - due_usec;
        uint64_t usec = late > 0 ? (uint64_t)late : 0;
        size_t i = 0;

        while (i < ARRAY_SIZE(sender_late_bounds_usec) && usec > sender_late_bounds_usec[i])
                i++;
        c->late_buckets[i]++;
        c->late_sum_usec += usec;
        c->late_max_usec = MAX_OF(c->late_max_usec, usec);
}

static void take(struct sender *s);

static void sending_free(struct sending *m)
{
        list_remove(&m->link);
        m->sender->n_in_flight--;
        service_release(m->sender->service);
        free(m);
}

bool sender_has_room(const struct sender *s)
{
        return s->n_in_flight < IN_FLIGHT_MAX;
}

static void on_published(struct mq_publish *p)
{
        struct sending *m = container_of(p, struct sending, publish);
        struct sender *s = m->sender;

        if (p->status == 0) {
                s->counters.n_sent++;
                count_late(&s->counters, m->due_usec);
                id_batch_add(&s->sent, m->task_id);
                if (m->daemon)
                        service_ring(m->daemon);
        } else if (p->status == -EHOSTUNREACH) {
                s->counters.n_unroutable++;
                id_batch_add(&s->unroutable, m->task_id);
        } else if (p->status != -ECANCELED) {
                s->counters.n_failed++;
                id_batch_add(&s->away, m->task_id);
        }
        sending_free(m);
        if (s->n_in_flight == IN_FLIGHT_MAX - 1 && !s->is_draining) {
                if (s->take_again)
                        take(s);
                s->relieved(s);
        }
}

/* args and kwargs are JSON that the database has kept. */
static int make_message(const struct firing_order *o, struct task_message *ret)
{
        struct field_errors errors = {.n_errors = 0};
        int r;

        *ret = (struct task_message){
                .id = o->task_id,
                .task = o->task,
                .root_id = o->task_id,
                .origin = "lonja-scheduler",
                .eta_usec = TASK_NO_TIME,
                .expires_usec = o->expires_usec == INT64_MIN ? TASK_NO_TIME : o->expires_usec,
        };
        r = jread_text(o->args, o->args_size, &ret->args, &errors);
        if (r == 0)
                r = jread_text(o->kwargs, o->kwargs_size, &ret->kwargs, &errors);
        return r;
}

static int publish(struct sender *s, struct sending *m, const struct firing_order *o)
{
        struct task_message message;
        struct task_wire wire = {0};
        int r;

        r = make_message(o, &message);
        if (r == 0)
                r = task_wire_encode(&wire, &message);
        if (r == 0)
                r = mq_publish_submit(&m->publish, s->link,
                                      &(struct mq_message){
                                              .exchange = "",
                                              .routing_key = o->queue,
                                              .content_type = TASK_MEDIA,
                                              .content_encoding = TASK_ENCODING,
                                              .correlation_id = o->task_id,
                                              .reply_to = SCHEDULE_RESULTS_QUEUE,
                                              .priority = (unsigned)o->priority,
                                              .headers = wire.headers,
                                              .body = buf_bytes(&wire.body),
                                              .body_size = buf_size(&wire.body),
                                              .mandatory = true,
                                      },
                                      usec_add(clock_monotonic_usec(), s->lease_usec / 2), on_published);
        task_wire_done(&wire);
        task_message_done(&message);
        return r;
}

static void send_one(struct sender *s, const struct firing_order *o)
{
        struct sending *m = new0(struct sending, 1);
        int r;

        if (!m)
                return; /* the lease ends, and it is tried again */
        m->sender = s;
        m->due_usec = o->due_usec;
        m->daemon = queue_daemon(o->queue);
        memcpy(m->task_id, o->task_id, TASK_ID_SIZE);
        list_append(&s->in_flight, &m->link);
        s->n_in_flight++;
        service_hold(s->service);
        r = publish(s, m, o);
        if (r == 0)
                return;
        log_debug_errno(r, "Cannot send task %s now: %m", o->task_id);
        s->counters.n_failed++;
        id_batch_add(&s->away, m->task_id);
        sending_free(m);
}

void sender_send(struct sender *s, const struct pg_query *q)
{
        struct firing_order o;

        for (size_t i = 0, n = pg_query_rows(q); i < n; i++) {
                firing_order_read(q, i, &o);
                if (*o.task_id)
                        send_one(s, &o);
        }
}

/* ---- What is pending in the ledger ---- */

static void on_timer(struct loop_timer *t)
{
        take(container_of(t, struct sender, timer));
}

static void on_taken(struct pg_query *q)
{
        struct sender *s = container_of(q, struct sender, take);
        bool is_more = s->take_again;

        s->is_taking = s->take_again = false;
        if (q->status == 0) {
                sender_send(s, q);
                is_more = is_more || pg_query_rows(q) >= FIRING_TAKE_MAX;
        }
        pg_query_done(q);
        if (is_more)
                take(s);
        else if (!s->is_draining)
                (void)loop_timer_start(&s->timer, service_loop(s->service), LOOK_USEC, on_timer);
}

static void take(struct sender *s)
{
        if (s->is_draining)
                return;
        s->take_again = s->is_taking || !sender_has_room(s);
        if (s->take_again)
                return;
        (void)loop_timer_start(&s->timer, service_loop(s->service), LOOK_USEC, on_timer);
        if (!mq_link_can_publish(s->link))
                return;
        firing_store_take(&s->take, s->lease_usec, on_taken);
        s->is_taking = pg_query_submit(&s->take, s->pool, PG_LANE_WRITE,
                                       usec_add(clock_monotonic_usec(), QUERY_TIMEOUT)) == 0;
}

void sender_poke(struct sender *s)
{
        take(s);
}

/* ---- Life ---- */

static void prepare_sent(struct id_batch *b, const char *ids, pg_query_fn complete)
{
        firing_store_sent(&b->query, ids, complete);
}

static void prepare_away(struct id_batch *b, const char *ids, pg_query_fn complete)
{
        firing_store_unsent(&b->query, ids, AWAY_PAUSE, "the broker could not be reached", complete);
}

static void prepare_unroutable(struct id_batch *b, const char *ids, pg_query_fn complete)
{
        firing_store_unsent(&b->query, ids, UNROUTABLE_PAUSE, "the queue does not exist", complete);
}

int sender_init(struct sender *s)
{
        const struct {
                struct id_batch *batch;
                void (*prepare)(struct id_batch *b, const char *ids, pg_query_fn complete);
        } batches[] = {
                {&s->sent, prepare_sent},
                {&s->away, prepare_away},
                {&s->unroutable, prepare_unroutable},
        };
        int r = 0;

        list_init(&s->in_flight);
        for (size_t i = 0; i < ARRAY_SIZE(batches) && r == 0; i++) {
                batches[i].batch->service = s->service;
                batches[i].batch->pool = s->pool;
                batches[i].batch->prepare = batches[i].prepare;
                r = id_batch_init(batches[i].batch);
        }
        return r;
}

void sender_drain(struct sender *s)
{
        s->is_draining = true;
        loop_timer_stop(&s->timer);
}

void sender_done(struct sender *s)
{
        if (!s->service)
                return;
        LIST_FOREACH_SAFE (i, &s->in_flight) {
                struct sending *m = LIST_ENTRY(i, struct sending, link);

                mq_publish_cancel(&m->publish);
                sending_free(m);
        }
        pg_query_done(&s->take);
        loop_timer_done(&s->timer);
        id_batch_done(&s->sent);
        id_batch_done(&s->away);
        id_batch_done(&s->unroutable);
}
