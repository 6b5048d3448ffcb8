/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */
#pragma once

/* A log of events, a broker and a loop that do what a test says, in place of event_log.c, libmq.a and loop.c.
 *
 * A read sees the log as it was when it was asked for, and is answered when the test says so. */

#include "mq/mq_consume.h"
#include "notifier/event_log.h"

struct fake_read {
        struct pg_query *query; /* NULL: free */
        int64_t after, first, last;
        unsigned limit;
};

struct fake_log {
        int64_t first, last; /* what is kept */
        int failure;         /* of asking */
        unsigned n_asked;
        struct fake_read reads[8];
        struct mq_consumer *consumer;
};
extern struct fake_log fake_log;

/* Nothing is kept, nothing was asked. */
void fake_log_reset(void);
/* Even offsets are of "product.updated", odd ones of "record.added". */
const char *fake_log_type(int64_t offset);
/* The oldest read under way is answered; there is one. */
void fake_log_answer(int status);
/* All, and what they bring about. */
void fake_log_answer_all(void);
size_t fake_log_reading(void);

/* The tasks that were scheduled, until none is. */
void fake_loop_run(void);
