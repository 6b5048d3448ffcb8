/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */

/* What was delivered before is counted before it is computed. */

#include <errno.h>

#include "base/alloc.h"
#include "base/id.h"
#include "base/str.h"
#include "calculator/calculation_store.h"
#include "calculator/calculator.h"

static void on_attempted(struct pg_query *q)
{
        struct job *j = container_of(q, struct job, query);
        struct calculator *c = j->calculator;

        if (q->status == 0 && pg_query_rows(q) == 1 && pg_row_bool(q, 0, 0)) {
                job_compute(j);
                return;
        }
        job_leave_turn(j);
        if (q->status < 0 || pg_query_rows(q) != 1) {
                job_requeue(j); /* to the end of the queue: that is pause enough */
        } else {
                c->counters.n_repeated++;
                calculator_counted(c);
                job_recorded(j, pg_row_text(q, 0, 1), pg_row_size(q, 0, 1));
        }
        job_start_waiting(c);
}

static void park(struct job *j, const char *error)
{
        log_fields(LOG_WARNING, LOG_FIELDS({"REQUEST_ID", j->request_id}),
                   "A calculation that nobody keeps is parked");
        j->is_parked = true;
        j->calculator->counters.n_parked++;
        calculator_counted(j->calculator);
        if (strdup_to(&j->error_json, error) < 0)
                job_requeue(j);
        else
                job_tell(j);
}

/* Whoever asks so has no need of the database: without it attempts are not counted. */
static void on_suspected(struct pg_query *q)
{
        struct job *j = container_of(q, struct job, query);
        struct calculator *c = j->calculator;

        if (q->status < 0 || pg_query_rows(q) != 1 || pg_row_bool(q, 0, 0)) {
                pg_query_done(q);
                job_compute(j);
                return;
        }
        job_leave_turn(j);
        park(j, pg_row_text(q, 0, 1));
        job_start_waiting(c);
}

/* The same message has the same key, whoever works on it. */
static void make_suspect(struct job *j)
{
        const struct calculation_input *input = &j->computation.input;
        const char *parts[] = {j->reply_to, j->correlation_id ? j->correlation_id : "", input->expression};
        struct auth_digest digest;

        auth_digest_init(&digest);
        for (size_t i = 0; i < ARRAY_SIZE(parts); i++)
                auth_digest_add(&digest, parts[i], strlen(parts[i]) + 1);
        auth_digest_add(&digest, &input->digits, sizeof(input->digits));
        auth_digest_hex(&digest, j->suspect);
}

/* It was asked for and did not answer; before the first answer it may well be there. */
static bool is_database_away(const struct calculator *c)
{
        return pg_pool_state(c->pool) != PG_UP && *pg_pool_error(c->pool);
}

void job_begin_attempt(struct job *j)
{
        struct calculator *c = j->calculator;
        int64_t attempts_max = (int64_t)c->conf->calculator.attempts_max;

        if (!j->id && is_database_away(c)) {
                job_compute(j); /* rather than hold up the others, who need no database either */
                return;
        }
        j->state = JOB_ATTEMPTING;
        if (j->id) {
                calculation_store_attempt(&j->query, j->id, attempts_max, on_attempted);
        } else {
                make_suspect(j);
                calculation_store_suspect(&j->query, j->suspect, attempts_max, &j->computation.input,
                                          j->request_id && id_is_valid(j->request_id) ? j->request_id : NULL,
                                          on_suspected);
        }
        if (pg_query_submit(&j->query, c->pool, PG_LANE_WRITE,
                            usec_add(clock_monotonic_usec(), JOB_STATEMENT_USEC)) == 0)
                return;
        job_leave_turn(j);
        job_requeue(j);
}
