/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */
#pragma once

/* What is under way on a connection, in order. Private to pg/; the pool's part of it is in pg_conn.h. */

#include "pg/pg_conn.h"

/* One statement whose answer goes to pg_conn_on_check(). 0, 1: some is not sent yet; -errno. */
int pg_pipeline_check(struct pg_conn *c, const char *sql);
/* Takes all answers that libpq has; a completion may end the connection. */
void pg_pipeline_read(struct pg_conn *c);
/* Empties it: the jobs come to stand in the list, in state SETTLING. */
void pg_pipeline_take_jobs(struct pg_conn *c, struct list *jobs);
/* Its jobs go back into the line, whatever is answered to them. Reads only. */
void pg_pipeline_requeue(struct pg_conn *c);
/* Empties the job's slot. */
void pg_pipeline_forget(struct pg_conn *c, struct pg_query *q);

/* Of the connection: */
usec_t pg_conn_now(struct pg_conn *c);
void pg_conn_on_check(struct pg_conn *c, PGresult *res); /* consumes res */
