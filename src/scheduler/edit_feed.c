/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */
#include "scheduler/edit_feed.h"

#include "contract/names.h"

#define PREFETCH 100 /* how many the link may hold for us */

/* Not the firings themselves, of which there may be hundreds a second. */
static const struct mq_topology topology = {
        .exchanges = (const struct mq_exchange[]){{EVENTS_EXCHANGE, "topic"}, {}},
        .queues = (const struct mq_queue[]){{.name = ""}, {}},
        .bindings = (const struct mq_binding[]){{"", EVENTS_EXCHANGE, EVENT_SCHEDULE_CREATED},
                                                {"", EVENTS_EXCHANGE, EVENT_SCHEDULE_UPDATED},
                                                {"", EVENTS_EXCHANGE, EVENT_SCHEDULE_RESUMED},
                                                {}},
};

static void on_delivered(struct mq_consumer *c, const struct mq_delivery *d)
{
        struct edit_feed *f = container_of(c, struct edit_feed, consumer);

        f->edited(f);
}

static void on_started(struct mq_consumer *c)
{
        struct edit_feed *f = container_of(c, struct edit_feed, consumer);

        f->edited(f);
}

int edit_feed_start(struct edit_feed *f, sd_event *loop, const struct mq_conf *conf)
{
        int r;

        f->consumer.delivered = on_delivered;
        f->consumer.started = on_started;
        r = mq_link_new(&f->link, loop, conf, &topology, true, NULL);
        if (r < 0)
                return r;
        r = mq_consumer_start(&f->consumer, f->link, "", PREFETCH, true);
        if (r < 0)
                f->link = mq_link_free(f->link);
        return r;
}

void edit_feed_stop(struct edit_feed *f)
{
        if (!f->link)
                return;
        mq_consumer_stop(&f->consumer);
        f->link = mq_link_free(f->link);
}
