/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */

#include "tasks/task_worker.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

#include "base/alloc.h"
#include "base/id.h"
#include "contract/names.h"
#include "service/log.h"
#include "tasks/task_internal.h"

static void on_delivered(struct mq_consumer *consumer, const struct mq_delivery *d)
{
        task_call_start(container_of(consumer, struct task_worker, consumer), d);
}

static void on_started(struct mq_consumer *consumer)
{
        struct task_worker *w = container_of(consumer, struct task_worker, consumer);

        task_later_poke(w->later);
}

/* Everything unsettled comes again. */
static void on_lost(struct mq_consumer *consumer)
{
        struct task_worker *w = container_of(consumer, struct task_worker, consumer);

        LIST_FOREACH (i, &w->calls)
                LIST_ENTRY(i, struct task_call, link)->is_stale = true;
}

static int open_link(struct task_worker *w)
{
        static const struct mq_exchange exchanges[] = {{DEAD_EXCHANGE, "direct"}, {NULL}};
        const struct task_worker_setup *s = &w->setup;
        int r;

        (void)snprintf(w->dead_queue, sizeof(w->dead_queue), "%s%s", s->queue, DEAD_SUFFIX);
        tasks_topology(&w->queues, s->conf, s->queue, w->dead_queue);
        w->topology = (struct mq_topology){exchanges, w->queues.queues, w->queues.bindings};
        r = mq_link_new(&w->link, service_loop(s->service), s->broker, &w->topology, true, NULL);
        w->setup.link = w->link;
        return r;
}

int task_worker_new(struct task_worker **ret, const struct task_worker_setup *setup)
{
        struct task_worker *w = new0(struct task_worker, 1);
        int r;

        if (!w)
                return log_error_errno(-ENOMEM, "Cannot set up the task worker: %m");
        w->setup = *setup;
        list_init(&w->calls);
        w->consumer.delivered = on_delivered;
        w->consumer.started = on_started;
        w->consumer.lost = on_lost;
        r = setup->link ? 0 : open_link(w);
        if (r >= 0)
                r = task_later_new(&w->later, w);
        if (r >= 0)
                r = mq_consumer_start(&w->consumer, w->setup.link, setup->queue,
                                      (unsigned)setup->conf->prefetch, false);
        if (r < 0) {
                task_worker_free(w);
                return log_error_errno(r, "Cannot consume from %s: %m", setup->queue);
        }
        *ret = w;
        return 0;
}

void task_worker_reload(struct task_worker *w, const struct tasks_conf *conf)
{
        w->setup.conf = conf;
}

void task_worker_ring(struct task_worker *w)
{
        task_later_ring(w->later);
}

void task_worker_drain(struct task_worker *w)
{
        w->is_draining = true;
        task_later_drain(w->later);
        mq_consumer_stop(&w->consumer);
        LIST_FOREACH_SAFE (i, &w->calls) {
                struct task_call *c = LIST_ENTRY(i, struct task_call, link);

                /* those that wait for a server or their turn; one that is being begun is asked when that is
                 * done */
                if (c->waits_for_turn || (c->step != TASK_STEP_RUNNING && loop_timer_is_armed(&c->timer)))
                        task_call_requeue(c);
        }
}

struct task_worker *task_worker_free(struct task_worker *w)
{
        if (!w)
                return NULL;
        w->is_draining = true; /* nobody takes the place of another */
        mq_consumer_stop(&w->consumer);
        LIST_FOREACH_SAFE (i, &w->calls)
                task_call_free(LIST_ENTRY(i, struct task_call, link));
        task_later_free(w->later);
        mq_link_free(w->link);
        free(w);
        return NULL;
}

static const struct {
        const char *outcome;
        size_t offset;
} outcomes[] = {
        {"succeeded", offsetof(struct task_counters, n_succeeded)},
        {"failed", offsetof(struct task_counters, n_failed)},
        {"retried", offsetof(struct task_counters, n_retried)},
        {"postponed", offsetof(struct task_counters, n_postponed)},
        {"repeated", offsetof(struct task_counters, n_repeated)},
        {"dead", offsetof(struct task_counters, n_dead)},
};

void task_worker_write_metrics(const struct task_worker *w, struct buf *out)
{
        uint64_t n_running = 0;

        buf_append_str(out, "# HELP lonja_tasks_total Tasks taken off the queue, by what became of them.\n"
                            "# TYPE lonja_tasks_total counter\n");
        for (size_t i = 0; i < ARRAY_SIZE(outcomes); i++)
                buf_printf(
                        out, "lonja_tasks_total{queue=\"%s\",outcome=\"%s\"} %" PRIu64 "\n", w->setup.queue,
                        outcomes[i].outcome,
                        *(const uint64_t *)(const void *)((const char *)&w->counters + outcomes[i].offset));
        LIST_FOREACH (i, &w->calls)
                n_running++;
        buf_printf(out,
                   "# HELP lonja_tasks_running Tasks in hand.\n# TYPE lonja_tasks_running gauge\n"
                   "lonja_tasks_running{queue=\"%s\"} %" PRIu64 "\n",
                   w->setup.queue, n_running);
}
