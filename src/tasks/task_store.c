/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */

#include "tasks/task_store.h"

#include <errno.h>
#include <stdio.h>

#include "base/macro.h"
#include "base/str.h"

static const struct pg_statement begin_statement = {
        "task_begin",
        "SELECT * FROM task_begin($1, $2, $3, $4, $5, $6, $7, $8, $9::int)",
};
static const struct pg_statement end_statement = {"task_conclude", "SELECT * FROM task_conclude($1, $2, $3)"};
static const struct pg_statement unbegin_statement = {"task_unbegin", "SELECT task_unbegin($1)"};
static const struct pg_statement postpone_statement = {
        "task_postpone",
        "SELECT task_postpone($1, $2, $3, $4, $5::float8 / 1000, $6)",
};
static const struct pg_statement due_statement = {
        "task_due",
        "SELECT * FROM task_due($1, $2::int, $3)",
};
static const struct pg_statement sent_statement = {"task_sent", "SELECT task_sent($1, $2)"};
static const struct pg_statement unsent_statement = {"task_unsent", "SELECT task_unsent($1, $2)"};

static void add_time(struct pg_query *q, int64_t usec)
{
        char text[RFC3339_SIZE];

        if (usec == TASK_NO_TIME) {
                pg_query_null(q);
                return;
        }
        format_rfc3339(usec, text);
        pg_query_text(q, text);
}

void task_store_begin(struct pg_query *q, const struct task_message *m, const char *queue, const char *hash,
                      bool is_redelivered, bool has_turn, uint64_t max_attempts, pg_query_fn complete)
{
        pg_query_init(q, &begin_statement, complete);
        pg_query_text(q, m->id);
        pg_query_text(q, m->task);
        pg_query_text(q, queue);
        pg_query_text(q, hash);
        pg_query_bool(q, is_redelivered);
        pg_query_bool(q, has_turn);
        add_time(q, m->eta_usec);
        add_time(q, m->expires_usec);
        pg_query_int(q, (int64_t)max_attempts);
}

int task_store_verdict(const struct pg_query *q, enum task_verdict *ret)
{
        static const char *const words[] = {"run",    "done",   "later", "expired",
                                            "parked", "reused", "busy",  "suspect"};

        for (size_t i = 0; pg_query_rows(q) == 1 && i < ARRAY_SIZE(words); i++)
                if (streq(pg_row_text(q, 0, TASK_COLUMN_VERDICT), words[i])) {
                        *ret = (enum task_verdict)i;
                        return 0;
                }
        return -EBADMSG;
}

void task_store_end(struct pg_query *q, const char *id, const char *status, const char *result,
                    pg_query_fn complete)
{
        pg_query_init(q, &end_statement, complete);
        pg_query_text(q, id);
        pg_query_text(q, status);
        pg_query_text(q, result);
}

void task_store_unbegin(struct pg_query *q, const char *id, pg_query_fn complete)
{
        pg_query_init(q, &unbegin_statement, complete);
        pg_query_text(q, id);
}

void task_store_postpone(struct pg_query *q, const char *id, const char *queue, const char *status,
                         int64_t due_usec, usec_t delay_usec, const struct buf *message, pg_query_fn complete)
{
        pg_query_init(q, &postpone_statement, complete);
        pg_query_text(q, id);
        pg_query_text(q, queue);
        pg_query_text(q, status);
        add_time(q, due_usec);
        pg_query_int(q, (int64_t)(delay_usec / USEC_PER_MSEC));
        pg_query_text_n(q, buf_bytes(message), buf_size(message));
}

void task_store_due(struct pg_query *q, const char *queue, int64_t limit, int64_t lease_sec,
                    pg_query_fn complete)
{
        pg_query_init(q, &due_statement, complete);
        pg_query_text(q, queue);
        pg_query_int(q, limit);
        pg_query_int(q, lease_sec);
}

void task_store_sent(struct pg_query *q, const char *id, const char *due, bool is_sent, pg_query_fn complete)
{
        pg_query_init(q, is_sent ? &sent_statement : &unsent_statement, complete);
        pg_query_text(q, id);
        pg_query_text(q, due);
}
