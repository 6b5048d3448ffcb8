/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */
#pragma once

/* Clients whose place the ring does not reach read the log itself: a page each in turn, CatchUps= at once.
 * A page is sent as far as the client takes it and then forgotten, so a slow one holds nobody's turn. */

#include "notifier/event_log.h"

struct client;
struct notifier;

#define CATCH_UPS_MAX 64

struct catch_up {
        struct notifier *notifier; /* borrowed */
        struct client *client;     /* borrowed; NULL: nobody, or gone while its page is read */
        struct pg_query query;
        bool is_reading;
};

/* Gives free readers to those who wait. */
void catch_up_run(struct notifier *d);
/* The client is gone. */
void catch_up_forget(struct notifier *d, struct client *c);
void catch_up_done(struct notifier *d);
