/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */
#include "scheduler/firing_store.h"

#include <stdio.h>
#include <string.h>

/* The fields of the type firing_order. */
enum order_column { TASK_ID, TASK, ARGS, KWARGS, QUEUE, PRIORITY, NOMINAL, DUE, EXPIRES, SCHEDULE };

static const struct pg_statement take_statement = {
        "firing_take",
        "SELECT * FROM firing_take($1, $2)",
};
static const struct pg_statement sent_statement = {
        "firing_sent",
        "SELECT firing_sent($1)",
};
static const struct pg_statement unsent_statement = {
        "firing_unsent",
        "SELECT firing_unsent($1, $2, $3)",
};
static const struct pg_statement results_statement = {
        "firing_results",
        "SELECT * FROM firing_results($1)",
};

static void add_seconds(struct pg_query *q, usec_t usec)
{
        char text[32];

        (void)snprintf(text, sizeof(text), "%.6f", (double)usec / (double)USEC_PER_SEC);
        pg_query_text(q, text);
}

void firing_store_take(struct pg_query *q, usec_t lease_usec, pg_query_fn complete)
{
        pg_query_init(q, &take_statement, complete);
        add_seconds(q, lease_usec);
        pg_query_int(q, FIRING_TAKE_MAX);
}

void firing_store_sent(struct pg_query *q, const char *ids, pg_query_fn complete)
{
        pg_query_init(q, &sent_statement, complete);
        pg_query_text(q, ids);
}

void firing_store_unsent(struct pg_query *q, const char *ids, usec_t pause_usec, const char *error,
                         pg_query_fn complete)
{
        pg_query_init(q, &unsent_statement, complete);
        pg_query_text(q, ids);
        add_seconds(q, pause_usec);
        pg_query_text(q, error);
}

void firing_store_results(struct pg_query *q, const char *results, size_t n, pg_query_fn complete)
{
        pg_query_init(q, &results_statement, complete);
        pg_query_text_n(q, results, n);
}

void firing_order_read(const struct pg_query *q, size_t row, struct firing_order *ret)
{
        *ret = (struct firing_order){
                .task_id = pg_row_text(q, row, TASK_ID),
                .task = pg_row_text(q, row, TASK),
                .args = pg_row_text(q, row, ARGS),
                .kwargs = pg_row_text(q, row, KWARGS),
                .queue = pg_row_text(q, row, QUEUE),
                .schedule = pg_row_text(q, row, SCHEDULE),
                .args_size = pg_row_size(q, row, ARGS),
                .kwargs_size = pg_row_size(q, row, KWARGS),
                .priority = pg_row_int(q, row, PRIORITY),
                .nominal_usec = pg_row_int(q, row, NOMINAL),
                .due_usec = pg_row_int(q, row, DUE),
                .expires_usec = pg_row_is_null(q, row, EXPIRES) ? INT64_MIN : pg_row_int(q, row, EXPIRES),
        };
}

bool task_id_is_uuid(const char *id)
{
        static const char form[] = "xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx";

        for (size_t i = 0; i < sizeof(form) - 1; i++)
                if (form[i] == '-' ? id[i] != '-' : !id[i] || !strchr("0123456789abcdefABCDEF", id[i]))
                        return false;
        return id[sizeof(form) - 1] == '\0';
}
