/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* in this order */
#include <cmocka.h>

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "fake-log.h"
#include "service/loop.h"

struct fake_log fake_log;

/* ---- the log ---- */

void fake_log_reset(void)
{
        fake_log = (struct fake_log){.first = 1};
}

const char *fake_log_type(int64_t offset)
{
        return offset % 2 == 0 ? "product.updated" : "record.added";
}

static struct fake_read *read_of(const struct pg_query *q)
{
        for (size_t i = 0; i < ARRAY_SIZE(fake_log.reads); i++)
                if (fake_log.reads[i].query == q)
                        return &fake_log.reads[i];
        return NULL;
}

int event_log_read(struct pg_query *q, struct pg_pool *pool, int64_t after, unsigned limit,
                   pg_query_fn complete)
{
        struct fake_read *r = read_of(NULL);

        if (fake_log.failure < 0)
                return fake_log.failure;
        assert_non_null(r);
        assert_null(read_of(q));
        *q = (struct pg_query){.complete = complete};
        *r = (struct fake_read){q, after, fake_log.first, fake_log.last, limit};
        fake_log.n_asked++;
        return 0;
}

void pg_query_done(struct pg_query *q)
{
        struct fake_read *r = read_of(q);

        if (r)
                memmove(r, r + 1,
                        (size_t)((char *)(fake_log.reads + ARRAY_SIZE(fake_log.reads) - 1) - (char *)r));
        if (r)
                fake_log.reads[ARRAY_SIZE(fake_log.reads) - 1].query = NULL;
        *q = (struct pg_query){0};
}

void event_log_head(const struct pg_query *q, int64_t *ret_first, int64_t *ret_last)
{
        *ret_first = read_of(q)->first;
        *ret_last = read_of(q)->last;
}

size_t event_log_rows(const struct pg_query *q)
{
        const struct fake_read *r = read_of(q);
        int64_t from = MAX_OF(r->after + 1, r->first);

        return r->last < from ? 0 : (size_t)MIN_OF(r->last - from + 1, (int64_t)r->limit);
}

int64_t event_log_offset(const struct pg_query *q, size_t row)
{
        const struct fake_read *r = read_of(q);

        return MAX_OF(r->after + 1, r->first) + (int64_t)row;
}

const char *event_log_type(const struct pg_query *q, size_t row)
{
        return fake_log_type(event_log_offset(q, row));
}

int event_log_frame(const struct pg_query *q, size_t row, struct ws_frame **ret)
{
        char text[100];
        int n = snprintf(text, sizeof(text), "{\"offset\":%" PRId64 "}", event_log_offset(q, row));

        return ws_frame_new(ret, text, (size_t)n);
}

void fake_log_answer(int status)
{
        struct pg_query *q = fake_log.reads[0].query;

        assert_non_null(q);
        q->status = status;
        q->complete(q);
}

void fake_log_answer_all(void)
{
        do {
                while (fake_log_reading() > 0)
                        fake_log_answer(0);
                fake_loop_run();
        } while (fake_log_reading() > 0);
}

size_t fake_log_reading(void)
{
        size_t n = 0;

        while (n < ARRAY_SIZE(fake_log.reads) && fake_log.reads[n].query)
                n++;
        return n;
}

/* ---- the broker ---- */

int mq_consumer_start(struct mq_consumer *c, struct mq_link *l, const char *queue, unsigned prefetch,
                      bool no_ack)
{
        fake_log.consumer = c;
        return 0;
}

void mq_consumer_stop(struct mq_consumer *c)
{
        fake_log.consumer = NULL;
}

/* ---- the loop: what is armed or scheduled has a source that is no source ---- */

static struct loop_task *scheduled[16];

int loop_task_init(struct loop_task *t, sd_event *loop, void (*run)(struct loop_task *t))
{
        t->run = run;
        return 0;
}

void loop_task_schedule(struct loop_task *t)
{
        size_t i = 0;

        while (i < ARRAY_SIZE(scheduled) && scheduled[i] && scheduled[i] != t)
                i++;
        assert_true(i < ARRAY_SIZE(scheduled));
        scheduled[i] = t;
}

void loop_task_done(struct loop_task *t)
{
        for (size_t i = 0; i < ARRAY_SIZE(scheduled); i++)
                if (scheduled[i] == t)
                        scheduled[i] = NULL;
}

void fake_loop_run(void)
{
        for (size_t i = 0; i < ARRAY_SIZE(scheduled); i++) {
                struct loop_task *t = scheduled[i];

                if (!t)
                        continue;
                scheduled[i] = NULL;
                t->run(t);
                i = (size_t)-1; /* from the start */
        }
}

int loop_timer_start(struct loop_timer *t, sd_event *loop, usec_t delay, void (*fire)(struct loop_timer *t))
{
        t->fire = fire;
        return 0;
}

void loop_timer_stop(struct loop_timer *t)
{
        t->fire = NULL;
}

bool loop_timer_is_armed(const struct loop_timer *t)
{
        return t->fire;
}

void loop_timer_done(struct loop_timer *t)
{
        loop_timer_stop(t);
}
