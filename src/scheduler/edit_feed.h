/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */
#pragma once

/* What others did to schedules, from lonja.events: an exclusive queue, acknowledged by nobody, since an event
 * only says that it is worth looking. */

#include "mq/mq_consume.h"

struct edit_feed {
        void (*edited)(struct edit_feed *f); /* also when the feed (re)started */
        /* private */
        struct mq_link *link; /* owned: a link has one consumer */
        struct mq_consumer consumer;
};

int edit_feed_start(struct edit_feed *f, sd_event *loop, const struct mq_conf *conf);
void edit_feed_stop(struct edit_feed *f);
