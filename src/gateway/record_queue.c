/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */
#include "gateway/record_queue.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

#include "base/alloc.h"
#include "base/id.h"
#include "base/str.h"
#include "contract/names.h"
#include "gateway/record_store.h"
#include "service/log.h"
#include "service/log_ids.h"

#define PREFETCH (2 * PG_GROUP_MAX) /* one group is filled while another is committed */
#define ADD_USEC (30 * USEC_PER_SEC)
#define RETRY_MIN (200 * USEC_PER_MSEC)
#define RETRY_MAX (5 * USEC_PER_SEC)
#define DEAD_PER_MINUTE 6 /* lines in the journal; the metric counts all */

struct delivery {
        struct record_queue *queue;
        struct list_link link; /* under way, or waits to be tried again */
        uint64_t tag;
        unsigned generation;
        char *message; /* owned */
        char key[WEB_KEY_MAX + 1], request_id[ID_FOREIGN_MAX + 1];
        struct record_add add;
};

struct record_queue {
        struct service *service; /* borrowed, as the next */
        struct records *records;
        struct mq_consumer consumer;
        struct loop_timer retry;
        unsigned n_failures;           /* in a row */
        struct list under_way, failed; /* of deliveries, owned */
        bool is_draining;
        struct log_limit dead_limit;
        struct record_queue_metrics metrics;
};

static struct delivery *delivery_free(struct delivery *d)
{
        struct record_queue *q = d->queue;

        list_remove(&d->link);
        record_add_cancel(&d->add);
        free(d->message);
        free(d);
        if (--q->metrics.n_in_hand == 0)
                service_release(q->service);
        return NULL;
}

/* ---- Dead letters ---- */

static void bury(struct record_queue *q, const struct mq_delivery *m, const char *request_id,
                 const char *reason)
{
        unsigned suppressed = 0;

        q->metrics.n_dead++;
        mq_delivery_reject(&q->consumer, m->tag, m->generation, false);
        if (log_limit_pass(&q->dead_limit, DEAD_PER_MINUTE, &suppressed))
                log_fields(LOG_NOTICE,
                           LOG_FIELDS({"MESSAGE_ID", LOG_ID_DELIVERY_DEAD}, {"REQUEST_ID", request_id},
                                      {"QUEUE", RECORDS_QUEUE}),
                           "A message of %s is no record and went to the dead letters: %s (%u such before)",
                           RECORDS_QUEUE, reason, suppressed);
}

static void bury_delivery(struct delivery *d, const char *reason)
{
        const struct mq_delivery m = {.tag = d->tag, .generation = d->generation};

        bury(d->queue, &m, d->request_id, reason);
        delivery_free(d);
}

/* ---- Under way ---- */

static void put_back(struct delivery *d)
{
        mq_delivery_reject(&d->queue->consumer, d->tag, d->generation, true);
        delivery_free(d);
}

static void on_retry(struct loop_timer *t);

static void try_later(struct delivery *d)
{
        struct record_queue *q = d->queue;

        if (q->is_draining) {
                put_back(d);
                return;
        }
        list_remove(&d->link);
        list_append(&q->failed, &d->link);
        q->metrics.n_retried++;
        if (!loop_timer_is_armed(&q->retry) &&
            loop_timer_start(&q->retry, service_loop(q->service),
                             backoff_usec(q->n_failures++, RETRY_MIN, RETRY_MAX), on_retry) < 0)
                put_back(d);
}

static void log_added(const struct delivery *d, const struct record_result *result)
{
        char id[24];

        snprintf(id, sizeof(id), "%" PRId64, result->id);
        log_fields(result->outcome == RECORD_ADDED ? LOG_INFO : LOG_DEBUG,
                   LOG_FIELDS({"MESSAGE_ID", LOG_ID_DELIVERY_DONE}, {"REQUEST_ID", d->request_id},
                              {"QUEUE", RECORDS_QUEUE}, {"RECORD_ID", id}, {"AMQP_MESSAGE_ID", d->add.key}),
                   "%s: record %s%s", RECORDS_QUEUE, id,
                   result->outcome == RECORD_ADDED ? "" : " was there already");
}

static void on_added(struct record_add *a, const struct record_result *result)
{
        struct delivery *d = container_of(a, struct delivery, add);
        struct record_queue *q = d->queue;

        if (result->status == -EIO && !pg_sqlstate_is_passing(result->sqlstate)) {
                bury_delivery(d, result->error);
                return;
        }
        if (result->status < 0) {
                try_later(d);
                return;
        }
        q->n_failures = 0;
        if (result->outcome == RECORD_KEY_REUSED) {
                bury_delivery(d, "its message_id was used with another message");
                return;
        }
        mq_delivery_ack(&q->consumer, d->tag, d->generation);
        log_added(d, result);
        delivery_free(d);
}

static void submit(struct delivery *d)
{
        d->add = (struct record_add){
                .door = RECORD_AMQP,
                .message = d->message,
                .message_size = strlen(d->message),
                .key = *d->key ? d->key : NULL,
                .request_id = d->request_id,
                .deadline_usec = usec_add(clock_monotonic_usec(), ADD_USEC),
                .complete = on_added,
        };
        if (record_add_submit(&d->add, d->queue->records) < 0)
                try_later(d);
}

static void on_retry(struct loop_timer *t)
{
        struct record_queue *q = container_of(t, struct record_queue, retry);
        struct list again;
        struct list_link *i;

        list_init(&again);
        while ((i = list_first(&q->failed))) {
                list_remove(i);
                list_append(&again, i);
        }
        while ((i = list_first(&again))) {
                struct delivery *d = LIST_ENTRY(i, struct delivery, link);

                list_remove(i);
                list_append(&q->under_way, i);
                submit(d);
        }
}

/* ---- From the broker ---- */

/* 0; -EBADMSG with a reason; -ENOMEM. */
static int decode(struct delivery *d, const struct mq_delivery *m, struct field_errors *errors)
{
        if (*m->message_id && !web_key_is_valid(m->message_id)) {
                field_errors_add(errors, "message_id", "must be printable ASCII");
                return -EBADMSG;
        }
        (void)snprintf(d->key, sizeof(d->key), "%s", m->message_id);
        return record_message_decode(m->content_type, m->body, m->body_size, &d->message, errors);
}

static struct delivery *delivery_new(struct record_queue *q, const struct mq_delivery *m)
{
        struct delivery *d = new0(struct delivery, 1);

        if (!d)
                return NULL;
        d->queue = q;
        d->tag = m->tag;
        d->generation = m->generation;
        if (id_is_valid(m->request_id))
                (void)snprintf(d->request_id, sizeof(d->request_id), "%s", m->request_id);
        else
                id_make(d->request_id);
        list_append(&q->under_way, &d->link);
        if (q->metrics.n_in_hand++ == 0)
                service_hold(q->service);
        return d;
}

static void on_delivered(struct mq_consumer *c, const struct mq_delivery *m)
{
        struct record_queue *q = container_of(c, struct record_queue, consumer);
        struct delivery *d = delivery_new(q, m);
        struct field_errors errors = {.n_errors = 0};
        char reason[300];
        int r = d ? decode(d, m, &errors) : -ENOMEM;

        if (r == 0) {
                submit(d);
        } else if (!d) {
                mq_delivery_reject(c, m->tag, m->generation, true);
        } else if (r == -EBADMSG) {
                (void)snprintf(reason, sizeof(reason), "%s %s", errors.errors[0].path,
                               errors.errors[0].reason);
                bury_delivery(d, reason);
        } else {
                put_back(d);
        }
}

/* What waits to be tried again comes again by itself; the rest finishes, and its ack is dropped as stale. */
static void on_lost(struct mq_consumer *c)
{
        struct record_queue *q = container_of(c, struct record_queue, consumer);

        LIST_FOREACH_SAFE (i, &q->failed)
                delivery_free(LIST_ENTRY(i, struct delivery, link));
}

/* ---- Life ---- */

int record_queue_new(struct record_queue **ret, struct service *service, struct mq_link *link,
                     struct records *records)
{
        struct record_queue *q = new0(struct record_queue, 1);
        int r;

        if (!q)
                return -ENOMEM;
        q->service = service;
        q->records = records;
        q->consumer.delivered = on_delivered;
        q->consumer.lost = on_lost;
        list_init(&q->under_way);
        list_init(&q->failed);
        r = mq_consumer_start(&q->consumer, link, RECORDS_QUEUE, PREFETCH, false);
        if (r < 0) {
                free(q);
                return r;
        }
        *ret = q;
        return 0;
}

void record_queue_drain(struct record_queue *q)
{
        q->is_draining = true;
        mq_consumer_stop(&q->consumer);
        loop_timer_stop(&q->retry);
        LIST_FOREACH_SAFE (i, &q->failed)
                put_back(LIST_ENTRY(i, struct delivery, link));
}

struct record_queue *record_queue_free(struct record_queue *q)
{
        if (!q)
                return NULL;
        mq_consumer_stop(&q->consumer);
        LIST_FOREACH_SAFE (i, &q->failed)
                delivery_free(LIST_ENTRY(i, struct delivery, link));
        LIST_FOREACH_SAFE (i, &q->under_way)
                delivery_free(LIST_ENTRY(i, struct delivery, link));
        loop_timer_done(&q->retry);
        free(q);
        return NULL;
}

void record_queue_metrics(const struct record_queue *q, struct record_queue_metrics *ret)
{
        *ret = q->metrics;
}
