/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */
#pragma once

/* What the database does not know: how the daemons are and how much waits in their queues. systemd and the
 * broker are asked, as `lonja status` does, so nobody is woken; a thread does the waiting. One look serves
 * all who ask within HOST_STATE_FRESH_USEC. */

#include "http/http_request.h"
#include "notifier/notifier_conf.h"

#define HOST_STATE_FRESH_USEC (5 * USEC_PER_SEC)

struct host_state;

int host_state_new(struct host_state **ret, sd_event *loop);
/* Waits for a look under way: the broker's steps are bounded. No request may wait for it. */
struct host_state *host_state_free(struct host_state *h);
DEFINE_FREEP(struct host_state, host_state_free)

/* Answers the request, now or later:
 *
 *     {"daemons": [{"name": "products", "state": "asleep"}, ...] or null where systemd cannot be asked,
 *      "broker": "up" or "down", "queues": [{"name": "lonja.records", "messages": 0, "consumers": 1}, ...]}
 */
int host_state_begin(struct host_state *h, struct http_request *r, const struct mq_conf *broker);
