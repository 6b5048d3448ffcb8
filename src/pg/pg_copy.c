/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */

/* A session is the borrower of one connection, outside pipeline mode (COPY does not exist in it).
 *
 *     CLOSED --open--> OPENING --ready()--> IDLE --run--> RUNNING ----------NULL result--> IDLE, done()
 *                                                          | ^  PGRES_COPY_OUT --> COPY_OUT -+
 *                                                          v |  end of the data <------------+
 *                                                      COPY_IN (writable(), until copy_end)
 *
 * Every call-back may close the session and free it: after one, only the connection is looked at, which
 * belongs to the pool and stays, to see whether this session still has it. */

#include "pg/pg_copy.h"

#include <errno.h>
#include <stdio.h>

#include "base/parse.h"
#include "pg/pg_conn.h"

/* A system call per so many bytes; libpq collects what is less. */
#define FLUSH_BYTES 32768

static struct pg_session *session_of(struct pg_borrower *b)
{
        return container_of(b, struct pg_session, borrower);
}

static bool has_step(const struct pg_session *s)
{
        return s->step >= PG_SESSION_RUNNING;
}

static void set_error(struct pg_session *s, const PGresult *res)
{
        const char *sqlstate = PQresultErrorField(res, PG_DIAG_SQLSTATE);
        const char *message = PQresultErrorField(res, PG_DIAG_MESSAGE_PRIMARY);
        const char *context = PQresultErrorField(res, PG_DIAG_CONTEXT);

        snprintf(s->sqlstate, sizeof(s->sqlstate), "%s", sqlstate ? sqlstate : "");
        pg_first_line(s->error, sizeof(s->error), message ? message : PQresultErrorMessage(res));
        pg_first_line(s->error_context, sizeof(s->error_context), context ? context : "");
}

/* ---- results ---- */

/* A string of several statements has several results: the last one counts, and the first error. */
static void take_result(struct pg_session *s, PGresult *res)
{
        struct pg_conn *c = s->connection;

        switch (PQresultStatus(res)) {
        case PGRES_COPY_IN:
                s->step = PG_SESSION_COPY_IN;
                PQclear(res);
                s->handler->writable(s);
                return;
        case PGRES_COPY_OUT:
                s->step = PG_SESSION_COPY_OUT;
                pg_link_pause(&c->link, s->paused);
                break;
        case PGRES_TUPLES_OK:
        case PGRES_COMMAND_OK:
                PQclear(s->result);
                s->result = TAKE_PTR(res);
                (void)parse_u64(PQcmdTuples(s->result), 0, UINT64_MAX, &s->n_rows); /* "" for BEGIN */
                break;
        default:
                if (s->status == 0)
                        set_error(s, res);
                s->status = -EIO;
                break;
        }
        PQclear(res);
}

/* False: nothing more can be read now, or the session is gone. */
static bool read_row(struct pg_session *s)
{
        struct pg_conn *c = s->connection;
        struct pg_borrower *b = &s->borrower;
        char *row = NULL;
        int n;

        n = PQgetCopyData(c->link.pg, &row, 1);
        if (n == 0)
                return false;
        if (n < 0) { /* the end, or an error: the result tells */
                s->step = PG_SESSION_RUNNING;
                return true;
        }
        s->handler->row(s, row, (size_t)n);
        PQfreemem(row);
        return c->borrower == b;
}

static void end_step(struct pg_session *s)
{
        struct pg_conn *c = s->connection;

        if (PQstatus(c->link.pg) == CONNECTION_BAD) {
                pg_conn_lose(c, -ECONNRESET, PQerrorMessage(c->link.pg));
                return;
        }
        s->step = PG_SESSION_IDLE;
        s->handler->done(s, s->status);
}

static void read_step(struct pg_session *s)
{
        struct pg_conn *c = s->connection;
        struct pg_borrower *b = &s->borrower;
        PGresult *res;

        while (c->borrower == b && has_step(s) && s->step != PG_SESSION_COPY_IN) {
                if (s->step == PG_SESSION_COPY_OUT) {
                        if (s->paused || !read_row(s))
                                return;
                        continue;
                }
                if (PQisBusy(c->link.pg))
                        return;
                res = PQgetResult(c->link.pg);
                if (!res) {
                        end_step(s);
                        return;
                }
                take_result(s, res);
        }
}

static void on_ready(struct pg_borrower *b, uint32_t revents)
{
        struct pg_session *s = session_of(b);
        struct pg_conn *c = s->connection;
        int r;

        if (revents & EPOLLOUT) {
                r = pg_link_flush(&c->link);
                if (r < 0) {
                        pg_conn_lose(c, r, PQerrorMessage(c->link.pg));
                        return;
                }
                if (r == 0 && s->step == PG_SESSION_COPY_IN)
                        s->handler->writable(s);
                if (c->borrower != b)
                        return;
        }
        if ((revents & (uint32_t)~EPOLLOUT) && !PQconsumeInput(c->link.pg)) {
                pg_conn_lose(c, -ECONNRESET, PQerrorMessage(c->link.pg));
                return;
        }
        read_step(s);
}

static void on_lost(struct pg_borrower *b, int error)
{
        struct pg_session *s = session_of(b);
        bool running = has_step(s);

        s->connection = NULL;
        s->step = PG_SESSION_CLOSED;
        loop_task_done(&s->resume);
        if (running)
                s->handler->done(s, error);
}

static void on_resume(struct loop_task *t)
{
        struct pg_session *s = container_of(t, struct pg_session, resume);

        if (s->connection)
                read_step(s);
}

/* ---- opening and closing ---- */

static void on_leased(struct pg_query *q)
{
        struct pg_session *s = container_of(q, struct pg_session, lease);
        struct pg_conn *c = q->lent;
        int r = q->status;

        s->step = PG_SESSION_CLOSED;
        if (r == 0) {
                r = loop_task_init(&s->resume, c->loop, on_resume);
                if (r < 0)
                        pg_conn_give_back(c);
        }
        if (r >= 0) {
                s->borrower = (struct pg_borrower){.ready = on_ready, .lost = on_lost};
                s->connection = c;
                c->borrower = &s->borrower;
                s->step = PG_SESSION_IDLE;
        }
        s->handler->ready(s, MIN_OF(r, 0));
}

int pg_session_open(struct pg_session *s, struct pg_pool *pool, usec_t deadline_usec,
                    const struct pg_session_handler *handler)
{
        int r;

        *s = (struct pg_session){.handler = handler};
        pg_query_init(&s->lease, NULL, on_leased);
        r = pg_query_submit(&s->lease, pool, PG_LANE_EXCLUSIVE, deadline_usec);
        if (r < 0)
                return r;
        s->step = PG_SESSION_OPENING;
        return 0;
}

void pg_session_close(struct pg_session *s)
{
        struct pg_conn *c = TAKE_PTR(s->connection);

        pg_query_done(&s->lease);
        loop_task_done(&s->resume);
        if (c)
                pg_conn_give_back(c);
        PQclear(TAKE_PTR(s->result));
        s->step = PG_SESSION_CLOSED;
}

/* ---- steps ---- */

static int begin_step(struct pg_session *s, int sent)
{
        struct pg_conn *c = s->connection;

        if (!sent || pg_link_flush(&c->link) < 0)
                return -ECONNRESET;
        PQclear(TAKE_PTR(s->result));
        s->status = 0;
        s->n_rows = 0;
        s->paused = false;
        s->unflushed = 0;
        s->sqlstate[0] = s->error[0] = s->error_context[0] = '\0';
        s->step = PG_SESSION_RUNNING;
        return 0;
}

int pg_session_run(struct pg_session *s, const char *sql)
{
        struct pg_conn *c = s->connection;

        if (!c || s->step != PG_SESSION_IDLE)
                return -ENOTCONN;
        return begin_step(s, PQsendQuery(c->link.pg, sql));
}

int pg_session_run_params(struct pg_session *s, const char *sql, unsigned n_params, const char *const *params)
{
        struct pg_conn *c = s->connection;

        if (!c || s->step != PG_SESSION_IDLE)
                return -ENOTCONN;
        return begin_step(s, PQsendQueryParams(c->link.pg, sql, (int)n_params, NULL, params, NULL, NULL, 0));
}

int pg_session_copy_data(struct pg_session *s, const void *p, size_t n)
{
        struct pg_conn *c = s->connection;

        if (!c || s->step != PG_SESSION_COPY_IN)
                return -ENOTCONN;
        if (n > INT32_MAX)
                return -EMSGSIZE;
        if (PQputCopyData(c->link.pg, p, (int)n) <= 0)
                return PQstatus(c->link.pg) == CONNECTION_BAD ? -ECONNRESET : -ENOMEM;
        s->unflushed += n;
        if (s->unflushed < FLUSH_BYTES)
                return 0;
        s->unflushed = 0;
        return pg_link_flush(&c->link);
}

int pg_session_copy_end(struct pg_session *s, const char *abort_reason)
{
        struct pg_conn *c = s->connection;

        if (!c || s->step != PG_SESSION_COPY_IN)
                return -ENOTCONN;
        if (PQputCopyEnd(c->link.pg, abort_reason) <= 0 || pg_link_flush(&c->link) < 0)
                return -ECONNRESET;
        s->step = PG_SESSION_RUNNING;
        /* The server may have refused a row long ago; its answer then lies in libpq's buffer, where no event
         * announces it. */
        loop_task_schedule(&s->resume);
        return 0;
}

void pg_session_pause(struct pg_session *s, bool paused)
{
        struct pg_conn *c = s->connection;

        if (s->paused == paused)
                return;
        s->paused = paused;
        if (!c || s->step != PG_SESSION_COPY_OUT)
                return;
        pg_link_pause(&c->link, paused);
        if (!paused) /* rows may lie in libpq's buffer, where no event announces them */
                loop_task_schedule(&s->resume);
}

size_t pg_session_rows(const struct pg_session *s)
{
        return s->result ? (size_t)PQntuples(s->result) : 0;
}

const char *pg_session_text(const struct pg_session *s, size_t row, unsigned column)
{
        return PQgetvalue(s->result, (int)row, (int)column);
}
