/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */
#include "notifier/host_state.h"

#include <errno.h>
#include <stdlib.h>

#include "base/alloc.h"
#include "base/list.h"
#include "contract/names.h"
#include "mq/mq_probe.h"
#include "service/log.h"
#include "service/offload.h"
#include "service/unit_daemon.h"
#include "json/jwrite.h"

#define BROKER_STALL_USEC (3 * USEC_PER_SEC) /* of each step: nobody waits longer for a picture */

struct look { /* the thread's, while it runs */
        struct offload_job job;
        struct mq_conf broker; /* a copy: a reload may free the original */
        struct unit_state *units;
        size_t n_units;
        struct mq_queue_depth depths[QUEUE_NAMES_MAX];
        int units_status, broker_status;
        char error[MQ_PROBE_ERROR_SIZE];
};

struct host_state {
        sd_event *loop;         /* borrowed */
        struct offload *thread; /* owned; from the first question on */
        struct list waiting;    /* of struct asker */
        struct buf answer;      /* of the last look */
        usec_t answered_usec;   /* 0: none yet */
        bool is_looking;
        struct look look;
};

struct asker { /* in the op slot */
        struct http_request *request;
        struct list_link link;
};

static void asker_done(void *op)
{
        struct asker *a = op;

        list_remove(&a->link);
}

/* ---- The look ---- */

static void look_done(struct look *l)
{
        free(l->broker.uri);
        free(l->broker.ca_file);
        free(l->units);
        *l = (struct look){0};
}

static void run_look(struct offload_job *job)
{
        struct look *l = container_of(job, struct look, job);

        l->units_status = unit_state_list("lonja*", &l->units, &l->n_units);
        mq_probe_names(l->depths, ARRAY_SIZE(l->depths), queue_names);
        l->broker_status = mq_probe(&l->broker, l->depths, l->error);
}

static void write_daemons(struct jwrite *w, const struct look *l)
{
        struct unit_daemons found;

        jwrite_key(w, "daemons");
        if (l->units_status < 0) {
                jwrite_raw(w, "null", 4);
                return;
        }
        unit_daemons_find(l->units, l->n_units, &found);
        jwrite_array_begin(w);
        for (size_t i = 0; i < found.n; i++) {
                const struct unit_daemon *d = &found.items[i];

                jwrite_object_begin(w);
                jwrite_pair(w, "name", d->word);
                jwrite_pair(w, "state", unit_daemon_has_failed(d) ? "failed" : d->state);
                jwrite_object_end(w);
        }
        jwrite_array_end(w);
}

static void write_queues(struct jwrite *w, const struct look *l)
{
        jwrite_pair(w, "broker", l->broker_status < 0 ? "down" : "up");
        jwrite_key(w, "queues");
        jwrite_array_begin(w);
        for (const struct mq_queue_depth *d = l->depths; l->broker_status == 0 && d->name; d++) {
                if (!d->exists)
                        continue;
                jwrite_object_begin(w);
                jwrite_pair(w, "name", d->name);
                jwrite_key(w, "messages");
                jwrite_int(w, d->n_messages);
                jwrite_key(w, "consumers");
                jwrite_int(w, d->n_consumers);
                jwrite_object_end(w);
        }
        jwrite_array_end(w);
}

static void reply(struct host_state *h, struct http_request *r)
{
        struct buf body = BUF_EMPTY;

        buf_append(&body, buf_bytes(&h->answer), buf_size(&h->answer));
        if (buf_error(&h->answer) < 0 || buf_error(&body) < 0)
                http_reply_error(r, -ENOMEM);
        else
                http_reply_buf(r, 200, "application/json", &body);
        buf_done(&body);
}

static void on_looked(struct offload_job *job)
{
        struct host_state *h = container_of(job, struct host_state, look.job);
        struct look *l = &h->look;
        struct list_link *i;
        struct jwrite w;

        if (l->broker_status < 0)
                log_debug("The dashboard cannot ask the broker: %s", l->error);
        buf_done(&h->answer);
        w = jwrite_to(&h->answer);
        jwrite_object_begin(&w);
        write_daemons(&w, l);
        write_queues(&w, l);
        jwrite_object_end(&w);
        look_done(l);
        h->is_looking = false;
        h->answered_usec = clock_monotonic_usec();
        while ((i = list_first(&h->waiting))) {
                list_remove(i);
                reply(h, LIST_ENTRY(i, struct asker, link)->request);
        }
}

static int start_look(struct host_state *h, const struct mq_conf *broker)
{
        struct look *l = &h->look;
        int r = 0;

        if (!h->thread)
                r = offload_new(&h->thread, h->loop, "host-state", 1, NULL);
        l->broker = *broker;
        l->broker.uri = l->broker.ca_file = NULL;
        if (r == 0)
                r = strdup_to(&l->broker.uri, broker->uri);
        if (r == 0 && broker->ca_file)
                r = strdup_to(&l->broker.ca_file, broker->ca_file);
        if (r < 0) {
                look_done(l);
                return r;
        }
        l->broker.stall_usec = BROKER_STALL_USEC;
        l->job.run = run_look;
        l->job.complete = on_looked;
        offload_submit(h->thread, &l->job);
        h->is_looking = true;
        return 0;
}

int host_state_begin(struct host_state *h, struct http_request *r, const struct mq_conf *broker)
{
        struct asker *a;
        int k;

        if (h->answered_usec > 0 && clock_monotonic_usec() - h->answered_usec < HOST_STATE_FRESH_USEC) {
                reply(h, r);
                return 0;
        }
        if (!h->is_looking) {
                k = start_look(h, broker);
                if (k < 0)
                        return k;
        }
        a = http_request_op(r, sizeof(*a), asker_done);
        if (!a)
                return -ENOMEM;
        a->request = r;
        list_append(&h->waiting, &a->link);
        return 0;
}

/* ---- Life ---- */

int host_state_new(struct host_state **ret, sd_event *loop)
{
        struct host_state *h = new0(struct host_state, 1);

        if (!h)
                return -ENOMEM;
        h->loop = loop;
        list_init(&h->waiting);
        *ret = h;
        return 0;
}

struct host_state *host_state_free(struct host_state *h)
{
        if (!h)
                return NULL;
        offload_free(h->thread);
        look_done(&h->look);
        buf_done(&h->answer);
        free(h);
        return NULL;
}
