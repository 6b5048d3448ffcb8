/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */
#pragma once

/* When a schedule is due: an interval, or a cron expression in a time zone. Pure.
 *
 * every: start + n * every, or, without a start, the multiples of the interval since 1970 UTC, so that every
 * scheduler counts alike and a restart shifts nothing. Elapsed time: no time zone bends it.
 *
 * cron: minutes of the zone's wall clock. Where the clock is changed:
 *   an hour field with "*" means time that passes: what falls into a gap does not exist that day, and in an
 *   overlap the minutes come twice;
 *   any other hour field means times of the day, each once: those in a gap are due at the first instant after
 *   it (together, once), those in an overlap the first time round.
 *
 * All times are microseconds since 1970 UTC. */

#include <stdint.h>

#include "base/clock.h"
#include "scheduler/cron.h"
#include "scheduler/zone.h"

#define RECURRENCE_NEVER INT64_MAX

struct recurrence {
        usec_t every_usec; /* 0: cron */
        struct cron cron;
        const struct zone *zone; /* borrowed; cron only */
        int64_t start_usec;      /* INT64_MIN: none */
        int64_t end_usec;        /* exclusive; INT64_MAX: none */
        usec_t jitter_usec;
};

/* The first nominal time after `after`, or RECURRENCE_NEVER. */
int64_t recurrence_next(const struct recurrence *r, int64_t after);
/* How long after its nominal time a firing is due: in [0, jitter], always the same for one firing, whoever
 * asks. */
usec_t recurrence_delay(const struct recurrence *r, const char *name, int64_t nominal);
