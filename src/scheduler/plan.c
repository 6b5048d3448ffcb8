/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */
#include "scheduler/plan.h"

#include "base/macro.h"

#define PROBE_USEC (INT64_C(60) * (int64_t)USEC_PER_SEC)

struct planner {
        const struct recurrence *r;
        const char *name;
        int64_t now;
};

static int64_t due_of(const struct planner *p, int64_t nominal)
{
        if (nominal == RECURRENCE_NEVER)
                return RECURRENCE_NEVER;
        return nominal + (int64_t)recurrence_delay(p->r, p->name, nominal);
}

/* The first nominal time after `after`, if it is due. */
static bool next_is_due(const struct planner *p, int64_t after, int64_t *ret)
{
        *ret = recurrence_next(p->r, after);
        return due_of(p, *ret) <= p->now;
}

/* The newest time that is due, in (low, high]: back in growing steps until there is one, then forward. */
static bool find_newest(const struct planner *p, int64_t low, int64_t high, int64_t *ret)
{
        int64_t step = PROBE_USEC, from, t;
        bool found = false;

        for (;; step *= 4) {
                from = high - step > low ? high - step : low;
                if ((next_is_due(p, from, &t) && t <= high) || from == low)
                        break;
        }
        while (next_is_due(p, from, &t) && t <= high) {
                *ret = from = t;
                found = true;
        }
        return found;
}

/* Everything in (planned_to, until] was missed, but `kept`. */
static void count_missed(const struct planner *p, int64_t from, int64_t until, int64_t kept,
                         struct plan *plan)
{
        int64_t t;

        while (plan->n_missed < PLAN_MISSED_MAX && next_is_due(p, from, &t) && t <= until) {
                from = t;
                if (t == kept)
                        continue;
                if (plan->n_missed++ == 0)
                        plan->missed_first = t;
                plan->missed_last = t;
        }
}

static void take_times(const struct planner *p, int64_t from, struct plan *plan)
{
        int64_t t;

        while (plan->n_times < PLAN_TIMES_MAX && next_is_due(p, from, &t))
                plan->times[plan->n_times++] = plan->planned_to = from = t;
}

void plan_make(const struct recurrence *r, const char *name, const struct plan_policy *policy,
               int64_t planned_to, int64_t now, struct plan *ret)
{
        const struct planner p = {r, name, now};
        usec_t window = policy->catch_up == CATCH_UP_NONE ? 0 : policy->window_usec;
        usec_t reach =
                policy->catch_up == CATCH_UP_ALL ? MAX_OF(window, policy->grace_usec) : policy->grace_usec;
        /* a time up to here is too late even with the longest delay */
        int64_t fresh = now - (int64_t)(reach + r->jitter_usec) - 1, oldest, kept;

        *ret = (struct plan){.planned_to = planned_to};
        if (fresh <= planned_to) {
                take_times(&p, planned_to, ret);
        } else {
                ret->planned_to = fresh;
                take_times(&p, fresh, ret);
                kept = RECURRENCE_NEVER;
                oldest = now - (int64_t)(window + r->jitter_usec) - 1;
                if (policy->catch_up == CATCH_UP_LAST && ret->n_times == 0 &&
                    find_newest(&p, MAX_OF(planned_to, oldest), fresh, &kept))
                        ret->times[ret->n_times++] = kept;
                count_missed(&p, planned_to, fresh, kept, ret);
        }
        ret->next_time = recurrence_next(r, ret->planned_to);
        ret->next_due = due_of(&p, ret->next_time);
}
