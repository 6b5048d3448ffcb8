/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */
#include "scheduler/recurrence.h"

#include "base/macro.h"
#include "scheduler/civil.h"

#define SECOND ((int64_t)USEC_PER_SEC)
#define MINUTE_SEC INT64_C(60)
#define DAY_SEC INT64_C(86400)
/* Changes of the clock that one look passes: a zone has few, and none is without a named minute for long. */
#define SEGMENTS_MAX 200
/* The year 10000: nobody's schedule, and nothing below overflows before it. */
#define LAST_USEC (INT64_C(253402300800) * SECOND)

static int64_t next_interval(const struct recurrence *r, int64_t after)
{
        int64_t every = (int64_t)r->every_usec, anchor = r->start_usec == INT64_MIN ? 0 : r->start_usec;

        return anchor + (floor_div(after - anchor, every) + 1) * every;
}

/* Time that passes: within one offset the wall clock runs evenly. In seconds, as below. */
static int64_t next_passing(const struct recurrence *r, int64_t from)
{
        for (unsigned i = 0; i < SEGMENTS_MAX; i++) {
                int64_t until, minute;
                int32_t offset = zone_offset(r->zone, from, &until);

                if (cron_next(&r->cron, -floor_div(-(from + offset), MINUTE_SEC), &minute) < 0)
                        return RECURRENCE_NEVER;
                if (minute * MINUTE_SEC - offset < until)
                        return minute * MINUTE_SEC - offset;
                from = until;
        }
        return RECURRENCE_NEVER;
}

/* Where to begin looking for times of the day at `from`: the earliest that the wall clock may show for an
 * instant from then on, whatever change of offset lies there or just ahead. */
static int64_t wall_from(const struct zone *z, int64_t from)
{
        int64_t until, ignored;
        int32_t now = zone_offset(z, from, &until), before = zone_offset(z, from - 1, &ignored);
        int32_t next = until - from < DAY_SEC ? zone_offset(z, until, &ignored) : now;
        int32_t least = MIN_OF(now, before);

        return from + MIN_OF(least, next);
}

/* Times of the day: in the order of the wall clock their instants never go back. */
static int64_t next_of_day(const struct recurrence *r, int64_t from)
{
        int64_t minute = floor_div(wall_from(r->zone, from), MINUTE_SEC), instants[2];

        for (;; minute++) {
                if (cron_next(&r->cron, minute, &minute) < 0)
                        return RECURRENCE_NEVER;
                (void)zone_to_utc(r->zone, minute * MINUTE_SEC, instants);
                if (instants[0] >= from)
                        return instants[0];
        }
}

int64_t recurrence_next(const struct recurrence *r, int64_t after)
{
        int64_t next;

        if (r->start_usec != INT64_MIN && after < r->start_usec)
                after = r->start_usec - 1;
        if (after >= LAST_USEC)
                return RECURRENCE_NEVER;
        if (r->every_usec > 0) {
                next = next_interval(r, after);
        } else {
                int64_t from = floor_div(after, SECOND) + 1;

                next = r->cron.any_hour ? next_passing(r, from) : next_of_day(r, from);
                if (next != RECURRENCE_NEVER)
                        next *= SECOND;
        }
        return next < r->end_usec ? next : RECURRENCE_NEVER;
}

/* FNV-1a over the name and the time, then a finalizer, since the last bytes of FNV hardly reach the high
 * bits. */
usec_t recurrence_delay(const struct recurrence *r, const char *name, int64_t nominal)
{
        uint64_t hash = UINT64_C(14695981039346656037);

        if (r->jitter_usec == 0)
                return 0;
        for (const char *p = name; *p; p++)
                hash = (hash ^ (uint8_t)*p) * UINT64_C(1099511628211);
        for (unsigned i = 0; i < 8; i++)
                hash = (hash ^ ((uint64_t)nominal >> 8 * i & 0xff)) * UINT64_C(1099511628211);
        hash = (hash ^ hash >> 33) * UINT64_C(0xff51afd7ed558ccd);
        hash ^= hash >> 33;
        return hash % (r->jitter_usec + 1);
}
