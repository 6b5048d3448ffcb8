/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */
#pragma once

/* Calculations: one function for each thing that may be asked, whatever door the caller came by.
 *
 *     submit   SUBMITTING --committed--> SENT ---------------+
 *     (kept)        | replayed                               v
 *     get           +------------> READING --unfinished--> WAITING --told, final--> complete
 *                                     ^  |                   |  each second, at the end
 *                                     |  +--final, or the end-> complete
 *                                     +----------------------+
 *     submit   SENT --> WAITING --answered--> complete                       (not kept: no row, no reading)
 *
 * Who waits registers first, before the row is written or read, so that no answer falls between.  The
 * worker's message wakes at once, the row is the truth, and reading it each second makes up for a lost
 * message.
 *
 * What does not complete at once completes from the loop, once, and never after calculation_command_done().
 */

#include "arithmetic/calculation_input.h"
#include "base/list.h"
#include "mq/mq_link.h"
#include "pg/pg_group.h"
#include "service/service.h"
#include "web/web_write.h"

#define CALCULATION_ID_SIZE 33
#define CALCULATION_WAIT_MAX (60 * USEC_PER_SEC) /* how long one request may wait; then it is asked again */

struct calculations;
struct calculation_topic;
struct calculation_command;
typedef void (*calculation_fn)(struct calculation_command *c);

enum calculation_outcome {
        CALCULATION_SHOWN,   /* json, is_final */
        CALCULATION_REFUSED, /* status, slug, detail */
        CALCULATION_FAILED,  /* error */
};

enum calculation_phase {
        CALCULATION_IDLE,
        CALCULATION_SUBMITTING,
        CALCULATION_READING,
        CALCULATION_WAITING,
};

struct calculation_command { /* embedded in the operation, zeroed */
        enum calculation_outcome outcome;
        char id[CALCULATION_ID_SIZE];
        char *json; /* owned */
        size_t json_size;
        bool is_final, is_replayed, is_kept, is_sent;
        unsigned status;
        char slug[48], detail[160];
        int error;
        /* private */
        calculation_fn complete;
        struct calculations *calculations;
        enum calculation_phase phase;
        usec_t until_usec; /* how long to wait; 0: not at all */
        struct calculation_topic *topic;
        struct list_link topic_link, link;
        struct pg_query query;
        struct pg_member submission;
        struct loop_timer timer;
        struct calculation_input input;      /* owned */
        const char *key, *hash, *request_id; /* borrowed */
};

struct calculation_request {
        struct calculation_input *input; /* consumed by the submit, also by one that fails */
        const char *key, *hash,
                *request_id;    /* borrowed for as long as the command; NULL: no idempotency key */
        usec_t wait_until_usec; /* CLOCK_MONOTONIC; 0: answer as soon as it is committed */
};

/* Borrows all; opens a connection of its own to the broker. */
int calculations_new(struct calculations **ret, struct service *service, struct pg_pool *pool,
                     const struct mq_conf *broker, void (*committed)(void *context), void *context);
/* Leaving: who waits is answered with what is known. */
void calculations_drain(struct calculations *s);
struct calculations *calculations_free(struct calculations *s);
/* Appends lines of /metrics. */
void calculations_metrics(const struct calculations *s, struct buf *out);

/* 0: complete() later; -errno: not begun. */
int calculation_submit(struct calculation_command *c, struct calculations *s,
                       const struct calculation_request *request, calculation_fn complete);
int calculation_get(struct calculation_command *c, struct calculations *s, const char *id,
                    usec_t wait_until_usec, calculation_fn complete);
int calculation_cancel(struct calculation_command *c, struct calculations *s, const char *id, const char *key,
                       const char *hash, calculation_fn complete);
void calculation_command_done(struct calculation_command *c);
bool calculation_id_is_valid(const char *id);
