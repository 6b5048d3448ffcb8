/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */
#pragma once

/* A time zone: its offsets from UTC over time. Pure; immutable once decoded.
 *
 * The C library's own zones are one per process (TZ, tzset(3)), so that a daemon with schedules in several
 * cannot use them; this reads the same files (tzfile(5), RFC 8536) itself. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/macro.h"

struct zone_change {
        int64_t at;     /* seconds since 1970 UTC */
        int32_t offset; /* seconds east of UTC, from then on */
};

enum zone_day_kind {
        ZONE_DAY_MONTH,  /* "M3.5.0": the week-th (5 = last) weekday of a month */
        ZONE_DAY_JULIAN, /* "J60": day 1..365, without 29 February */
        ZONE_DAY_PLAIN,  /* "59": day 0..365 */
};

struct zone_day {
        enum zone_day_kind kind;
        int month, week, day; /* `day`: a weekday (0 = Sunday) for ZONE_DAY_MONTH */
        int32_t time;         /* seconds after local midnight; may be negative or beyond a day */
};

/* What the footer of a file says about the time after its last change (POSIX TZ string). */
struct zone_rule {
        int32_t standard, summer; /* offsets, seconds east */
        bool has_summer;
        struct zone_day begin, end; /* of summer time */
};

struct zone {
        int32_t first_offset; /* before the first change */
        struct zone_change *changes;
        size_t n_changes;
        bool has_rule;
        struct zone_rule rule;
};

/* A whole file. 0; -EBADMSG; -ENOMEM. */
int zone_decode(const void *bytes, size_t n, struct zone **ret);
struct zone *zone_free(struct zone *z);
DEFINE_FREEP(struct zone, zone_free)

/* A POSIX TZ string, without NUL. 0; -EBADMSG. */
int zone_rule_parse(const char *text, size_t n, struct zone_rule *ret);
/* The offset at `utc` by the rule alone, and when it changes next (INT64_MAX = never). */
int32_t zone_rule_offset(const struct zone_rule *r, int64_t utc, int64_t *ret_until);

/* The offset at `utc` (seconds), and the first second at which another segment begins. */
int32_t zone_offset(const struct zone *z, int64_t utc, int64_t *ret_until);

/* Which instants show `local` on the wall, earliest first: 1 in general; 2 when the clock was put back over
 * it; 0 when it was put forward over it, and then ret[0] is the instant of the change. */
unsigned zone_to_utc(const struct zone *z, int64_t local, int64_t ret[2]);
