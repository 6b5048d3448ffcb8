/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */

#include <errno.h>
#include <stdint.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/fd.h"
#include "service/loop.h"

#define TIMER_ACCURACY_USEC                                                                                  \
        USEC_PER_MSEC /* lets neighbouring timers share a wake-up, unnoticed by people                       \
                       */

static int on_timer(sd_event_source *source, uint64_t usec, void *userdata)
{
        struct loop_timer *t = userdata;

        t->fire(t);
        return 0;
}

int loop_timer_start(struct loop_timer *t, sd_event *loop, usec_t delay, void (*fire)(struct loop_timer *t))
{
        uint64_t now, at;
        int r;

        r = sd_event_now(loop, CLOCK_MONOTONIC, &now);
        if (r < 0)
                return r;
        at = usec_add(now, delay);
        t->fire = fire;
        if (!t->source)
                return sd_event_add_time(loop, &t->source, CLOCK_MONOTONIC, at, TIMER_ACCURACY_USEC, on_timer,
                                         t);
        r = sd_event_source_set_time(t->source, at);
        if (r < 0)
                return r;
        return sd_event_source_set_enabled(t->source, SD_EVENT_ONESHOT);
}

void loop_timer_stop(struct loop_timer *t)
{
        if (t->source)
                (void)sd_event_source_set_enabled(t->source, SD_EVENT_OFF);
}

bool loop_timer_is_armed(const struct loop_timer *t)
{
        int enabled = SD_EVENT_OFF;

        return t->source && sd_event_source_get_enabled(t->source, &enabled) > 0;
}

void loop_timer_done(struct loop_timer *t)
{
        t->source = sd_event_source_disable_unref(t->source);
}

/* A deferred source of sd-event comes before any other of its priority, whenever it was enabled: a task gets
 * a lower one, so that it runs when nothing else is ready.  Input without end would then starve it; so the
 * source is asked before each dispatch how many it has let pass, and stands in the front row after
 * TASK_PATIENCE. */
#define TASK_PRIORITY (SD_EVENT_PRIORITY_NORMAL + 1)
#define TASK_PATIENCE 64 /* dispatches: enough for a batch, some hundred microseconds */

static int before_dispatch(sd_event_source *source, void *userdata)
{
        struct loop_task *t = userdata;

        if (++t->n_passed == TASK_PATIENCE)
                return sd_event_source_set_priority(source, SD_EVENT_PRIORITY_NORMAL);
        return 0;
}

static int on_task(sd_event_source *source, void *userdata)
{
        struct loop_task *t = userdata;

        if (t->n_passed >= TASK_PATIENCE)
                (void)sd_event_source_set_priority(source, TASK_PRIORITY);
        t->run(t);
        return 0;
}

int loop_task_init(struct loop_task *t, sd_event *loop, void (*run)(struct loop_task *t))
{
        int r;

        *t = (struct loop_task){.run = run};
        if ((r = sd_event_add_defer(loop, &t->source, on_task, t)) < 0 ||
            (r = sd_event_source_set_enabled(t->source, SD_EVENT_OFF)) < 0 ||
            (r = sd_event_source_set_priority(t->source, TASK_PRIORITY)) < 0 ||
            (r = sd_event_source_set_prepare(t->source, before_dispatch)) < 0)
                loop_task_done(t);
        return r;
}

void loop_task_schedule(struct loop_task *t)
{
        int enabled = SD_EVENT_OFF;

        if (sd_event_source_get_enabled(t->source, &enabled) > 0)
                return;
        t->n_passed = 0;
        (void)sd_event_source_set_enabled(t->source, SD_EVENT_ONESHOT);
}

void loop_task_done(struct loop_task *t)
{
        t->source = sd_event_source_disable_unref(t->source);
}

static int on_io(sd_event_source *source, int fd, uint32_t revents, void *userdata)
{
        struct loop_io *io = userdata;

        io->ready(io, revents);
        return 0;
}

int loop_io_start(struct loop_io *io, sd_event *loop, int fd, uint32_t events,
                  void (*ready)(struct loop_io *io, uint32_t revents))
{
        loop_io_stop(io);
        io->ready = ready;
        return sd_event_add_io(loop, &io->source, fd, events, on_io, io);
}

int loop_io_set_events(struct loop_io *io, uint32_t events)
{
        return sd_event_source_set_io_events(io->source, events);
}

void loop_io_stop(struct loop_io *io)
{
        io->source = sd_event_source_disable_unref(io->source);
}

static void on_wake(struct loop_io *io, uint32_t revents)
{
        struct loop_wake *w = container_of(io, struct loop_wake, io);
        uint64_t count;

        if (read(w->fd, &count, sizeof(count)) < 0)
                return;
        w->woken(w);
}

int loop_wake_init(struct loop_wake *w, sd_event *loop, void (*woken)(struct loop_wake *w))
{
        int r;

        *w = (struct loop_wake){.fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK), .woken = woken};
        if (w->fd < 0)
                return -errno;
        r = loop_io_start(&w->io, loop, w->fd, EPOLLIN, on_wake);
        if (r < 0)
                w->fd = fd_close(w->fd);
        return r;
}

void loop_wake_signal(struct loop_wake *w)
{
        uint64_t one = 1;

        /* EAGAIN would mean that the counter is full: the loop is woken already. */
        if (write(w->fd, &one, sizeof(one)) < 0)
                return;
}

void loop_wake_done(struct loop_wake *w)
{
        loop_io_stop(&w->io);
        /* A zeroed object was never started and owns no descriptor, least of all 0. */
        if (w->woken)
                w->fd = fd_close(w->fd);
        w->woken = NULL;
}
