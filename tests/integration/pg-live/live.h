/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */
#pragma once

/* Stories about pg/ against a real server. test_pg.py prepares the database, runs one story per process and
 * plays the world (kills the server, migrates); a story ends with exit 0 or tells what was wrong. */

#include <stdio.h>
#include <stdlib.h>

#include "base/str.h"
#include "pg/pg_copy.h"
#include "pg/pg_listen.h"
#include "pg/pg_pool.h"
#include "pg/pg_query.h"

struct live {
        sd_event *loop;
        struct pg_conf conf;
        struct pg_pool *pool;
        struct pg_pool_watch watch;
        char *const *args; /* of the story; ends with NULL */
};

struct live_story {
        const char *name;
        void (*run)(struct live *l);
};
extern const struct live_story live_query_stories[], live_failure_stories[], live_session_stories[],
        live_load_stories[];

#define CHECK(what)                                                                                          \
        do {                                                                                                 \
                if (!(what))                                                                                 \
                        live_die(__FILE__, __LINE__, #what);                                                 \
        } while (0)
#define CHECK_INT(a, b)                                                                                      \
        do {                                                                                                 \
                long long a_ = (long long)(a), b_ = (long long)(b);                                          \
                if (a_ != b_)                                                                                \
                        live_die_int(__FILE__, __LINE__, #a, a_, b_);                                        \
        } while (0)
_Noreturn void live_die(const char *file, int line, const char *what);
_Noreturn void live_die_int(const char *file, int line, const char *what, long long is, long long should);

/* Runs the loop until *n reaches `wanted`; dies after 60 s. */
void live_run_until(struct live *l, const unsigned *n, unsigned wanted);
usec_t live_in(usec_t delay);
void live_new_pool(struct live *l);
/* A line on stdout, at once: what test_pg.py waits for. */
void live_say(const char *text);
/* Waits for a line on stdin: the world has done its part. Blocks: the loop must not be needed meanwhile. */
void live_wait_world(void);

/* A query that counts its completions. */
struct live_query {
        struct pg_query q;
        unsigned *n_done;
        unsigned n_called;
};
void live_submit(struct live *l, struct live_query *q, const struct pg_statement *s, enum pg_lane lane,
                 int64_t param, unsigned *n_done, usec_t deadline);
