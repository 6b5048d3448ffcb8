/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */
#include "mq/mq_link.h"

#include <errno.h>
#include <stdio.h>

#include "base/alloc.h"
#include "base/str.h"
#include "mq/mq_loop.h"
#include "service/log.h"

#define STALL_CHECKS 8 /* looks per BrokerStallSec: a cut comes at most an eighth too late */
#define STALL_CHECK_MIN (50 * USEC_PER_MSEC)
#define FREE_POLITE (45 * USEC_PER_MSEC)
#define FREE_SEARCH (90 * USEC_PER_MSEC)

static bool is_busy(struct mq_conn *c)
{
        return atomic_load(&c->is_busy);
}

static void on_stall_check(struct loop_timer *t)
{
        struct mq_link *l = container_of(t, struct mq_link, stall);
        usec_t now = clock_monotonic_usec();
        bool expects = l->n_pending > 0 && l->publish_up, again = l->n_pending > 0;

        if (mq_conn_is_stalled(&l->publisher->conn, expects, l->pending_since_usec, now))
                mq_conn_cut(&l->publisher->conn);
        if (l->receiver) {
                if (mq_conn_is_stalled(&l->receiver->conn, false, 0, now))
                        mq_conn_cut(&l->receiver->conn);
                again = again || is_busy(&l->receiver->conn);
        }
        if (again)
                mq_link_watch_progress(l);
}

void mq_link_watch_progress(struct mq_link *l)
{
        usec_t period = MAX_OF(l->publisher->conn.target.stall_usec / STALL_CHECKS, STALL_CHECK_MIN);

        if (!loop_timer_is_armed(&l->stall))
                (void)loop_timer_start(&l->stall, l->loop, period, on_stall_check);
}

static void take_error(struct mq_conn *c, char error[MQ_ERROR_SIZE])
{
        pthread_mutex_lock(&c->lock);
        memcpy(error, c->error, MQ_ERROR_SIZE);
        pthread_mutex_unlock(&c->lock);
}

/* Of a connection that is down; one that only begins has nothing to say yet. */
static void copy_error(struct mq_link *l)
{
        char error[MQ_ERROR_SIZE] = "";

        if (!l->publish_up)
                take_error(&l->publisher->conn, error);
        if (!*error && l->receiver && !l->consume_up)
                take_error(&l->receiver->conn, error);
        if (*error && !streq(error, l->error))
                log_debug("Broker: %s", error);
        memcpy(l->error, error, sizeof(l->error));
}

static void tell_state(struct mq_link *l)
{
        bool up = mq_link_is_up(l), failed = l->publish_failed || l->consume_failed;

        copy_error(l);
        if (up ? l->told == MQ_TOLD_UP : l->told == MQ_TOLD_DOWN || (l->told == MQ_TOLD_NOTHING && !failed))
                return;
        if (up && l->told == MQ_TOLD_DOWN)
                l->metrics.n_reconnects++;
        l->told = up ? MQ_TOLD_UP : MQ_TOLD_DOWN;
        LIST_FOREACH_SAFE (i, &l->watches) {
                struct mq_link_watch *w = LIST_ENTRY(i, struct mq_link_watch, link);

                w->changed(w, up);
        }
}

static void on_woken(struct loop_wake *w)
{
        struct mq_link *l = container_of(w, struct mq_link, wake);

        mq_publish_collect(l);
        if (l->receiver)
                mq_consume_collect(l);
        tell_state(l);
}

static int link_prepare(struct mq_link *l, const struct mq_conf *conf, const struct mq_topology *topology,
                        bool consumes)
{
        int r;

        r = loop_wake_init(&l->wake, l->loop, on_woken);
        if (r < 0)
                return r;
        r = mq_publisher_new(&l->publisher, conf, topology, &l->wake);
        if (r < 0)
                return r;
        return consumes ? mq_receiver_new(&l->receiver, conf, topology, &l->wake) : 0;
}

int mq_link_start(struct mq_link *l)
{
        int r = l->receiver ? mq_conn_start(&l->receiver->conn) : 0;

        return r < 0 ? r : mq_conn_start(&l->publisher->conn);
}

int mq_link_prepare(struct mq_link **ret, sd_event *loop, const struct mq_conf *conf,
                    const struct mq_topology *topology, bool consumes, struct mq_link_watch *watch)
{
        _cleanup_(mq_link_freep) struct mq_link *l = NULL;
        int r;

        l = new0(struct mq_link, 1);
        if (!l)
                return -ENOMEM;
        l->loop = loop;
        l->waiting_max = conf->waiting_max;
        l->unconfirmed_max = conf->unconfirmed_max;
        l->next_deadline_usec = USEC_INFINITY;
        l->wake.fd = -1;
        list_init(&l->watches);
        if (watch)
                mq_link_watch_add(l, watch);
        list_init(&l->publishes);
        list_init(&l->inbox);
        r = link_prepare(l, conf, topology, consumes);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(l);
        return 0;
}

int mq_link_new(struct mq_link **ret, sd_event *loop, const struct mq_conf *conf,
                const struct mq_topology *topology, bool consumes, struct mq_link_watch *watch)
{
        _cleanup_(mq_link_freep) struct mq_link *l = NULL;
        int r;

        r = mq_link_prepare(&l, loop, conf, topology, consumes, watch);
        if (r >= 0)
                r = mq_link_start(l);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(l);
        return 0;
}

static void stop_connections(struct mq_link *l)
{
        usec_t now = clock_monotonic_usec();

        /* both together, so that the waits overlap */
        if (l->publisher)
                mq_conn_stop(&l->publisher->conn);
        if (l->receiver)
                mq_conn_stop(&l->receiver->conn);
        if (l->publisher)
                mq_conn_free(&l->publisher->conn, now + FREE_POLITE, now + FREE_SEARCH);
        if (l->receiver)
                mq_conn_free(&l->receiver->conn, now + FREE_POLITE, now + FREE_SEARCH);
}

struct mq_link *mq_link_free(struct mq_link *l)
{
        if (!l)
                return NULL;
        l->is_closing = true;
        if (l->publisher) {
                mq_publish_collect(l); /* what is known to be confirmed is told so */
                mq_publish_cancel_all(l);
        }
        if (l->consumer)
                mq_consumer_stop(l->consumer);
        mq_consume_discard_inbox(l);
        LIST_FOREACH_SAFE (i, &l->watches)
                list_remove(i);
        stop_connections(l);
        loop_timer_done(&l->deadline);
        loop_timer_done(&l->stall);
        loop_wake_done(&l->wake);
        free(l);
        return NULL;
}

void mq_link_watch_add(struct mq_link *l, struct mq_link_watch *w)
{
        w->link = (struct list_link){0};
        list_append(&l->watches, &w->link);
}

void mq_link_watch_remove(struct mq_link_watch *w)
{
        list_remove(&w->link);
}

bool mq_link_is_up(const struct mq_link *l)
{
        return l->publish_up && (!l->receiver || l->consume_up);
}

bool mq_link_is_starting(const struct mq_link *l)
{
        return l->told == MQ_TOLD_NOTHING;
}

bool mq_link_can_publish(const struct mq_link *l)
{
        return l->publish_up;
}

const char *mq_link_error(const struct mq_link *l)
{
        return mq_link_is_up(l) ? "" : *l->error ? l->error : "connecting";
}

void mq_link_metrics(const struct mq_link *l, struct mq_link_metrics *ret)
{
        struct mq_publisher *p = l->publisher;

        *ret = l->metrics;
        pthread_mutex_lock(&p->conn.lock);
        ret->n_unconfirmed = p->n_in_flight;
        ret->n_returned = p->n_returned;
        pthread_mutex_unlock(&p->conn.lock);
        ret->n_waiting = l->n_pending - MIN_OF(l->n_pending, (size_t)ret->n_unconfirmed);
}
