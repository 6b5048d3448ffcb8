/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */
#pragma once

/* A schedule's definition: its rules, and how one is read from JSON. No I/O but the zones' files.
 *
 * Durations are kept as they were written ("6min"), since that is what people want to see again. source,
 * created_at, updated_at and version belong to the server; in a body they are accepted and ignored. */

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "scheduler/plan.h"
#include "scheduler/zone_book.h"
#include "json/jread.h"

#define SCHEDULE_NAME_MAX 64
#define SCHEDULE_TEXT_MAX 255 /* a task's or a queue's name: AMQP short strings */
#define SCHEDULE_SPAN_MAX (UINT64_C(3653) * 86400 * USEC_PER_SEC) /* ten years: no sum overflows */

struct schedule {
        char *name, *description, *every, *cron, *timezone, *task, *queue; /* owned; NULL when absent */
        char *start, *end, *jitter, *overlap, *catch_up, *window, *expires, *timeout;
        json_t *args, *kwargs; /* owned */
        int64_t priority, pause_after, max_pending;
        bool enabled;
        bool has_max_pending, has_enabled;
        json_t *ignored; /* owned; the last read-only member seen */
        /* from the texts, by schedule_read() */
        usec_t expires_usec, timeout_usec; /* expires: 0 = never */
        struct recurrence recurrence;
        struct plan_policy policy; /* its grace is the daemon's option */
};

bool schedule_name_is_valid(const char *name);

/* A whole definition, with the defaults for what is absent, into a zeroed *ret. `prefix` is put before the
 * paths of errors. 0; -EBADMSG with every wrong field in `errors`; -ENOMEM. The caller calls schedule_done()
 * in any case. */
int schedule_read(json_t *value, struct zone_book *zones, const char *prefix, struct schedule *ret,
                  struct field_errors *errors);
void schedule_done(struct schedule *s);

/* The definition for the database (sql/NNNN_schedules.sql, schedule_with()): its columns by name, without
 * `name` when NULL. Two definitions that mean the same have one text. NULL: out of memory. */
json_t *schedule_columns(const struct schedule *s, const char *name);

/* RFC 7396: `patch` put over `target`, which is changed. 0 or -ENOMEM. */
int schedule_patch(json_t *target, json_t *patch);

/* Recurrence and policy from the stored texts, which were checked when they were written. A text that the
 * database gives as NULL is "". 0; -ENOENT: the zone is not there any more; -EBADMSG; -ENOMEM. */
struct schedule_texts {
        const char *every, *cron, *timezone, *jitter, *catch_up, *window;
        int64_t start_usec, end_usec;
};
int schedule_compile(const struct schedule_texts *t, struct zone_book *zones, struct recurrence *ret,
                     struct plan_policy *ret_policy);
