/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */
#pragma once

/* Work off the loop: a few threads that take jobs in order, for what only needs a processor.  A job is
 * embedded in its owner, which must not die before complete() or offload_free(). */

#include <stdbool.h>

#include "base/list.h"
#include "service/loop.h"

#define OFFLOAD_THREADS_MAX 16

struct offload;

struct offload_job {
        void (*run)(struct offload_job *job);      /* in one of the threads; touches its own owner only */
        void (*complete)(struct offload_job *job); /* in the loop, once */
        /* private */
        struct list_link link;
};

/* `name` of the threads, at most 15 bytes; `thread_done` runs at the end of each, may be NULL. Signals are
 * not for them. */
int offload_new(struct offload **ret, sd_event *loop, const char *name, unsigned n_threads,
                void (*thread_done)(void));
void offload_submit(struct offload *o, struct offload_job *job);
/* Waits for the jobs that run; none completes any more. */
struct offload *offload_free(struct offload *o);
DEFINE_FREEP(struct offload, offload_free)
