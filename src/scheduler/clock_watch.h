/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */
#pragma once

/* Tells when the wall clock was set, or the machine woke up: timerfd_create(2), TFD_TIMER_CANCEL_ON_SET. */

#include "service/loop.h"

struct clock_watch {
        void (*changed)(struct clock_watch *w);
        /* private */
        int fd; /* owned */
        struct loop_io io;
};

int clock_watch_start(struct clock_watch *w, sd_event *loop);
/* Safe on one that was zeroed and never started. */
void clock_watch_stop(struct clock_watch *w);
