/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */
#pragma once

/* What is to be done about a schedule now: which nominal times fire, which were missed, when to look again.
 * Pure: the same input gives the same plan in every scheduler, and the database takes one of them.
 *
 * Every nominal time up to `planned_to` has been dealt with. A time is due at nominal + jitter; those that
 * are late by no more than `grace` fire under every policy (a scheduler restarted, a slow disk). Of older
 * ones none   drops all; last   fires the newest, if nothing newer fires and it lies within the window; all
 * fires those within the window. */

#include "scheduler/recurrence.h"

enum catch_up { CATCH_UP_NONE, CATCH_UP_LAST, CATCH_UP_ALL };

struct plan_policy {
        enum catch_up catch_up;
        usec_t window_usec;
        usec_t grace_usec;
};

#define PLAN_TIMES_MAX 100   /* of one schedule in one turn: the others want theirs, too */
#define PLAN_MISSED_MAX 1000 /* are counted, then it is "1000 or more" */

struct plan {
        int64_t times[PLAN_TIMES_MAX]; /* nominal times to fire, ascending */
        unsigned n_times;
        int64_t planned_to;          /* the new one */
        int64_t next_time, next_due; /* RECURRENCE_NEVER: none; due in the past: there is more to do now */
        int64_t missed_first, missed_last; /* dropped by the policy */
        unsigned n_missed;
};

void plan_make(const struct recurrence *r, const char *name, const struct plan_policy *policy,
               int64_t planned_to, int64_t now, struct plan *ret);
