/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */

#include "bridge/event_feed.h"
#include "contract/event_message.h"
#include "contract/names.h"
#include "service/log.h"

#define PREFETCH                                                                                             \
        1000 /* without acknowledgements the broker does not count; how many the link may hold for us */

static const struct mq_topology topology = {
        .exchanges = (const struct mq_exchange[]){{EVENTS_EXCHANGE, "topic"}, {}},
        .queues = (const struct mq_queue[]){{.name = ""}, {}},
        .bindings = (const struct mq_binding[]){{"", EVENTS_EXCHANGE, "product.*"}, {}},
};

static void on_delivered(struct mq_consumer *c, const struct mq_delivery *d)
{
        struct event_feed *f = container_of(c, struct event_feed, consumer);
        struct event_message e = {0};

        f->n_events++;
        if (event_message_decode(d->body, d->body_size, &e) < 0) {
                log_debug("Ignored a message on %s that is no event", d->exchange);
                return;
        }
        if (e.subject)
                product_book_event(f->products, e.subject, e.version, e.request_id);
        event_message_done(&e);
}

static void on_started(struct mq_consumer *c)
{
        struct event_feed *f = container_of(c, struct event_feed, consumer);

        product_book_set_live(f->products, true);
        f->changed(f);
}

static void on_lost(struct mq_consumer *c)
{
        struct event_feed *f = container_of(c, struct event_feed, consumer);

        product_book_set_live(f->products, false);
        f->changed(f);
}

int event_feed_start(struct event_feed *f, sd_event *loop, const struct mq_conf *conf,
                     struct product_book *products, void (*changed)(struct event_feed *f))
{
        int r;

        *f = (struct event_feed){.products = products, .changed = changed};
        f->consumer.delivered = on_delivered;
        f->consumer.started = on_started;
        f->consumer.lost = on_lost;
        r = mq_link_new(&f->link, loop, conf, &topology, true, NULL);
        if (r < 0)
                return r;
        r = mq_consumer_start(&f->consumer, f->link, "", PREFETCH, true);
        if (r < 0)
                f->link = mq_link_free(f->link);
        return r;
}

void event_feed_stop(struct event_feed *f)
{
        if (!f->link)
                return;
        mq_consumer_stop(&f->consumer);
        f->link = mq_link_free(f->link);
}
