/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */
#include "scheduler/clock_watch.h"

#include <errno.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#include "base/fd.h"

/* The timer itself is never to fire: as far away as the kernel allows. */
static int arm(int fd)
{
        const struct itimerspec never = {.it_value.tv_sec = INT64_C(4102444800)};

        return timerfd_settime(fd, TFD_TIMER_ABSTIME | TFD_TIMER_CANCEL_ON_SET, &never, NULL) < 0 ? -errno
                                                                                                  : 0;
}

static void on_ready(struct loop_io *io, uint32_t revents)
{
        struct clock_watch *w = container_of(io, struct clock_watch, io);
        uint64_t n;

        if (read(w->fd, &n, sizeof(n)) < 0 && errno != ECANCELED)
                return;
        (void)arm(w->fd);
        w->changed(w);
}

int clock_watch_start(struct clock_watch *w, sd_event *loop)
{
        int r;

        w->fd = timerfd_create(CLOCK_REALTIME, TFD_NONBLOCK | TFD_CLOEXEC);
        if (w->fd < 0)
                return -errno;
        r = arm(w->fd);
        if (r == 0)
                r = loop_io_start(&w->io, loop, w->fd, EPOLLIN, on_ready);
        if (r < 0)
                w->fd = fd_close(w->fd);
        return r;
}

void clock_watch_stop(struct clock_watch *w)
{
        loop_io_stop(&w->io);
        if (w->fd > 0)
                w->fd = fd_close(w->fd);
}
