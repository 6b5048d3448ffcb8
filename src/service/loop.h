/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */
#pragma once

/* sd-event, with the units in the names and no way to arm a timer wrongly.
 *
 * Every object here is embedded in its owner and stopped by it; a stopped object never calls back.
 * Callbacks run from the loop only, never from inside these functions. */

#include <stdbool.h>
#include <stdint.h>
#include <sys/epoll.h>
#include <systemd/sd-event.h>

#include "base/clock.h"
#include "base/macro.h"

/* A one-shot timer on CLOCK_MONOTONIC, re-armed at will. */
struct loop_timer {
        sd_event_source *source; /* owned */
        void (*fire)(struct loop_timer *t);
};
/* Arms (or re-arms) to fire `delay` from now. 0 or -errno. */
int loop_timer_start(struct loop_timer *t, sd_event *loop, usec_t delay, void (*fire)(struct loop_timer *t));
void loop_timer_stop(struct loop_timer *t);
bool loop_timer_is_armed(const struct loop_timer *t);
/* Frees the source; the timer may be started again. */
void loop_timer_done(struct loop_timer *t);

/* Work to be done once, after the I/O that is ready has been handled: flushes, kicks, sequencer runs.  Any
 * number of schedules before it runs are one run; under steady input it waits for 64 other callbacks at most.
 */
struct loop_task {
        sd_event_source *source; /* owned */
        void (*run)(struct loop_task *t);
        unsigned n_passed; /* dispatches of others since it was scheduled, see loop.c */
};
int loop_task_init(struct loop_task *t, sd_event *loop, void (*run)(struct loop_task *t));
void loop_task_schedule(struct loop_task *t);
void loop_task_done(struct loop_task *t);

/* A file descriptor, borrowed.  events: EPOLLIN, EPOLLOUT. */
struct loop_io {
        sd_event_source *source; /* owned */
        void (*ready)(struct loop_io *io, uint32_t revents);
};
int loop_io_start(struct loop_io *io, sd_event *loop, int fd, uint32_t events,
                  void (*ready)(struct loop_io *io, uint32_t revents));
int loop_io_set_events(struct loop_io *io, uint32_t events);
void loop_io_stop(struct loop_io *io);

/* A thread's way to wake the loop: signal from any thread, `woken` runs in the loop; signals coalesce.
 * done() accepts a zeroed object. */
struct loop_wake {
        int fd; /* owned eventfd */
        struct loop_io io;
        void (*woken)(struct loop_wake *w);
};
int loop_wake_init(struct loop_wake *w, sd_event *loop, void (*woken)(struct loop_wake *w));
void loop_wake_signal(struct loop_wake *w);
void loop_wake_done(struct loop_wake *w);
