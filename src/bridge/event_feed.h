/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */
#pragma once

/* Product events from RabbitMQ: an exclusive queue bound to lonja.events, acknowledged by nobody, since an
 * event only says that it is worth asking. While it is bound, what is known of a product is what is true;
 * each time it is bound again, everything watched is asked for again. */

#include "bridge/product_watch.h"
#include "mq/mq_consume.h"

struct event_feed {
        struct mq_link *link; /* owned */
        struct mq_consumer consumer;
        struct product_book *products; /* borrowed */
        uint64_t n_events;
        void (*changed)(struct event_feed *f); /* it is live, or not any more */
};

int event_feed_start(struct event_feed *f, sd_event *loop, const struct mq_conf *conf,
                     struct product_book *products, void (*changed)(struct event_feed *f));
/* Safe on a zeroed one. */
void event_feed_stop(struct event_feed *f);
