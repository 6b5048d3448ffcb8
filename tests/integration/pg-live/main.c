/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */
#include "live.h"

#include <unistd.h>

void live_die(const char *file, int line, const char *what)
{
        fprintf(stderr, "%s:%d: not true: %s\n", file, line, what);
        exit(1);
}

void live_die_int(const char *file, int line, const char *what, long long is, long long should)
{
        fprintf(stderr, "%s:%d: %s is %lld, not %lld\n", file, line, what, is, should);
        exit(1);
}

void live_run_until(struct live *l, const unsigned *n, unsigned wanted)
{
        usec_t end = live_in(60 * USEC_PER_SEC);

        while (*n < wanted) {
                CHECK(clock_monotonic_usec() < end);
                CHECK(sd_event_run(l->loop, 100 * USEC_PER_MSEC) >= 0);
        }
}

usec_t live_in(usec_t delay)
{
        return clock_monotonic_usec() + delay;
}

void live_say(const char *text)
{
        puts(text);
        fflush(stdout);
}

void live_wait_world(void)
{
        char c = 0;

        while (c != '\n')
                CHECK(read(STDIN_FILENO, &c, 1) == 1);
}

void live_new_pool(struct live *l)
{
        CHECK_INT(pg_pool_new(&l->pool, l->loop, &l->conf, "pg-live", l->watch.changed ? &l->watch : NULL),
                  0);
}

static void on_done(struct pg_query *q)
{
        struct live_query *lq = container_of(q, struct live_query, q);

        lq->n_called++;
        CHECK_INT(lq->n_called, 1); /* never twice, whatever happens */
        ++*lq->n_done;
}

void live_submit(struct live *l, struct live_query *q, const struct pg_statement *s, enum pg_lane lane,
                 int64_t param, unsigned *n_done, usec_t deadline)
{
        *q = (struct live_query){.n_done = n_done};
        pg_query_init(&q->q, s, on_done);
        pg_query_int(&q->q, param);
        CHECK_INT(pg_query_submit(&q->q, l->pool, lane, deadline), 0);
}

static const struct live_story *find_story(const char *name)
{
        const struct live_story *const tables[] = {live_query_stories, live_failure_stories,
                                                   live_session_stories, live_load_stories};

        for (size_t t = 0; t < ARRAY_SIZE(tables); t++)
                for (const struct live_story *s = tables[t]; s->name; s++)
                        if (streq(s->name, name))
                                return s;
        return NULL;
}

/* usage: pg-live CONNINFO STORY [ARGUMENT...] */
int main(int argc, char *argv[])
{
        const struct conf_table tables[] = {{pg_options, offsetof(struct live, conf)}, {0}};
        const struct live_story *story = argc > 2 ? find_story(argv[2]) : NULL;
        struct live l = {0};

        CHECK(story);
        CHECK_INT(conf_set_defaults(tables, &l), 0);
        free(l.conf.conninfo);
        l.conf.conninfo = strdup(argv[1]);
        l.args = argv + 3;
        CHECK(sd_event_new(&l.loop) >= 0);
        story->run(&l);
        l.pool = pg_pool_free(l.pool);
        conf_done(tables, &l);
        sd_event_unref(l.loop);
        return 0;
}
