/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */

/* The event relay in a daemon of nothing else, driven by lines: tests/integration/test_relay.py.
 *
 *     relay-probe --config-dir DIR        options in DIR/lonja.conf: Service, Database, Broker
 *
 *     poke          event_relay_poke()
 *     write N       N events from this process, each its own transaction, all at once; "wrote N" when the
 * last is committed; pokes after each as a daemon does metrics       metrics head=.. published=.. holder=..
 * sequenced=.. sent=.. failed=.. and "up", "down" as the broker comes and goes; end of file is SIGTERM. */

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/str.h"
#include "events/event_relay.h"
#include "pg/pg_query.h"

struct probe_conf {
        struct service_conf service;
        struct pg_conf database;
        struct mq_conf broker;
};

static const struct conf_table tables[] = {
        {service_options, offsetof(struct probe_conf, service)},
        {pg_options, offsetof(struct probe_conf, database)},
        {mq_options, offsetof(struct probe_conf, broker)},
        {0},
};

static const struct mq_exchange exchanges[] = {{"lonja.events", "topic"}, {0}};
static const struct mq_topology topology = {.exchanges = exchanges};

static const struct pg_statement write_statement = {
        "probe_write",
        "INSERT INTO outbox (type, entity, version, data, request_id)"
        " VALUES ('product.updated', 'W' || $1, 1, '{}', 'probe')",
};

struct write {
        struct pg_query query;
        struct probe *probe;
};

struct probe {
        struct service *service;
        struct pg_pool *pool;
        struct mq_link *link;
        struct mq_link_watch watch;
        struct event_relay *relay;
        struct loop_io input;
        struct buf line;
        unsigned n_writing, n_written;
};

static void on_changed(struct mq_link_watch *w, bool up)
{
        (void)puts(up ? "up" : "down");
        (void)fflush(stdout);
}

static void on_written(struct pg_query *q)
{
        struct write *w = container_of(q, struct write, query);
        struct probe *p = w->probe;

        if (q->status == 0)
                event_relay_poke(p->relay);
        else
                printf("failed %s\n", q->error);
        pg_query_done(q);
        free(w);
        p->n_written++;
        if (--p->n_writing == 0) {
                printf("wrote %u\n", p->n_written);
                (void)fflush(stdout);
                p->n_written = 0;
        }
}

static void write_events(struct probe *p, unsigned n)
{
        for (unsigned i = 0; i < n; i++) {
                struct write *w = new0(struct write, 1);

                if (!w)
                        return;
                w->probe = p;
                pg_query_init(&w->query, &write_statement, on_written);
                pg_query_int(&w->query, i);
                if (pg_query_submit(&w->query, p->pool, PG_LANE_WRITE, USEC_INFINITY) < 0) {
                        pg_query_done(&w->query);
                        free(w);
                        continue;
                }
                p->n_writing++;
        }
}

static void obey(struct probe *p, const char *line)
{
        struct event_relay_metrics m;
        const char *n;

        if (streq(line, "poke"))
                event_relay_poke(p->relay);
        else if ((n = startswith(line, "write ")))
                write_events(p, (unsigned)atoi(n));
        event_relay_metrics(p->relay, &m);
        if (streq(line, "metrics"))
                printf("metrics head=%" PRId64 " published=%" PRId64 " holder=%d sequenced=%" PRIu64
                       " sent=%" PRIu64 " failed=%" PRIu64 "\n",
                       m.head, m.published, m.is_holder, m.n_sequenced, m.n_published, m.n_failed);
        (void)fflush(stdout);
}

static void on_input(struct loop_io *io, uint32_t revents)
{
        struct probe *p = container_of(io, struct probe, input);
        char *end, *room = buf_reserve(&p->line, 4096);
        ssize_t n;

        if (!room)
                return;
        n = read(STDIN_FILENO, room, 4096);
        if (n <= 0) {
                loop_io_stop(io);
                (void)kill(getpid(), SIGTERM);
                return;
        }
        buf_commit(&p->line, (size_t)n);
        while (buf_size(&p->line) > 0 && (end = memchr(buf_bytes(&p->line), '\n', buf_size(&p->line)))) {
                *end = '\0';
                obey(p, buf_bytes(&p->line));
                buf_consume(&p->line, (size_t)(end - buf_bytes(&p->line)) + 1);
        }
}

static int probe_start(struct service *service, const void *conf, void **ret_daemon)
{
        const struct probe_conf *c = conf;
        sd_event *loop = service_loop(service);
        struct probe *p = new0(struct probe, 1);
        int r;

        if (!p)
                return -ENOMEM;
        *ret_daemon = p;
        p->service = service;
        p->watch.changed = on_changed;
        if ((r = pg_pool_new(&p->pool, loop, &c->database, "relay-probe", NULL)) < 0 ||
            (r = mq_link_new(&p->link, loop, &c->broker, &topology, false, &p->watch)) < 0 ||
            (r = event_relay_new(&p->relay, service, p->pool, p->link)) < 0)
                return r;
        return loop_io_start(&p->input, loop, STDIN_FILENO, EPOLLIN, on_input);
}

static void probe_drain(void *daemon)
{
        struct probe *p = daemon;

        event_relay_drain(p->relay);
}

static void probe_free(void *daemon)
{
        struct probe *p = daemon;

        if (!p)
                return;
        loop_io_stop(&p->input);
        event_relay_free(p->relay);
        mq_link_free(p->link);
        pg_pool_free(p->pool);
        buf_done(&p->line);
        free(p);
}

int main(int argc, char *argv[])
{
        static const struct listen_door doors[] = {{0}};
        static const struct service_daemon daemon = {
                .word = "relay-probe",
                .summary = "A relay for tests.",
                .tables = tables,
                .conf_size = sizeof(struct probe_conf),
                .doors = doors,
                .start = probe_start,
                .drain = probe_drain,
                .free = probe_free,
        };

        return service_main(&daemon, argc, argv);
}
