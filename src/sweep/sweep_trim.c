/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/parse.h"
#include "service/log.h"
#include "sweep/sweep.h"

/* Rows of one statement, which is one transaction: tens of milliseconds, in nobody's way. */
#define BATCH 5000

enum { PARAM_BATCH, PARAM_KEEP_SEC, PARAM_KEEP_EVENTS, PARAM_KEEP_FIRINGS_SEC, N_PARAMS };

/* Each returns how many rows went; fewer than a batch: that was all. */
static const struct trim {
        const char *what, *sql;
        size_t n_params;
        int params[3]; /* which of the above are $1, $2, $3 */
} trims[] = {
        {"idempotency keys", "SELECT idem_trim($1::int)", 1, {PARAM_BATCH}},
        {"sessions and login counters", "SELECT session_trim($1::int)", 1, {PARAM_BATCH}},
        {"tasks", "SELECT task_trim($1::int)", 1, {PARAM_BATCH}},
        {"calculations",
         "SELECT calculation_trim(make_interval(secs => $2::float8), $1::int)",
         2,
         {PARAM_BATCH, PARAM_KEEP_SEC}},
        {"attempts at calculations", "SELECT calculation_suspect_trim($1::int)", 1, {PARAM_BATCH}},
        {"events",
         "SELECT event_trim(make_interval(secs => $2::float8), $3::bigint, $1::int)",
         3,
         {PARAM_BATCH, PARAM_KEEP_SEC, PARAM_KEEP_EVENTS}},
        {"firings",
         "SELECT firing_trim(make_interval(secs => $2::float8), $1::int)",
         2,
         {PARAM_BATCH, PARAM_KEEP_FIRINGS_SEC}},
};
#define N_TRIMS ARRAY_SIZE(trims)

static int trim_batch(struct pg_asker *database, const struct trim *t, const char *const *params,
                      int64_t *ret, char error[SWEEP_ERROR_SIZE])
{
        const char *own[ARRAY_SIZE(t->params)];
        char *value = NULL;
        int r;

        for (size_t i = 0; i < t->n_params; i++)
                own[i] = params[t->params[i]];
        r = pg_asker_ask(database, t->sql, own, t->n_params, &value, 1, error, SWEEP_ERROR_SIZE);
        if (r < 0)
                return r;
        r = value ? parse_i64(value, ret) : -EBADMSG;
        free(value);
        return r;
}

/* In turn, one batch each, so that a mountain of one kind does not keep the others waiting. */
int sweep_trim(struct pg_asker *database, const struct events_conf *conf, usec_t until,
               char error[SWEEP_ERROR_SIZE])
{
        char batch[16], keep_sec[32], keep_events[32], keep_firings_sec[32];
        const char *params[N_PARAMS] = {batch, keep_sec, keep_events, keep_firings_sec};
        int64_t n, total[N_TRIMS] = {0};
        bool is_more = true;
        int r = 0;

        snprintf(batch, sizeof(batch), "%d", BATCH);
        snprintf(keep_sec, sizeof(keep_sec), "%llu", (unsigned long long)(conf->keep_usec / USEC_PER_SEC));
        snprintf(keep_events, sizeof(keep_events), "%llu", (unsigned long long)conf->keep_events);
        snprintf(keep_firings_sec, sizeof(keep_firings_sec), "%llu",
                 (unsigned long long)(conf->keep_firings_usec / USEC_PER_SEC));
        while (is_more && r == 0 && clock_monotonic_usec() < until) {
                is_more = false;
                for (size_t i = 0; i < N_TRIMS && r == 0; i++) {
                        r = trim_batch(database, &trims[i], params, &n, error);
                        if (r < 0)
                                break;
                        total[i] += n;
                        is_more = is_more || n >= BATCH;
                }
        }
        for (size_t i = 0; i < N_TRIMS; i++)
                if (total[i] > 0)
                        log_debug("Removed %lld old %s", (long long)total[i], trims[i].what);
        if (r == 0 && is_more)
                log_notice("There is more to trim than time; the rest follows with the next sweep");
        return r;
}
