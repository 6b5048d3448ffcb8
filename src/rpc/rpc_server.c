/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */

#include <errno.h>
#include <malloc.h>

#include "base/str.h"
#include "rpc/rpc_internal.h"

#define SWEEP_USEC USEC_PER_SEC
/* A deadline may be met this much later, so that many with different ones share a wake-up. */
#define ALARM_STEP_USEC (10 * USEC_PER_MSEC)
/* Between "go elsewhere" and "what came since is not done": a round trip, so that no call is lost. */
#define DRAIN_NOTICE_USEC (500 * USEC_PER_MSEC)
#define PASSES_MAX 8 /* at the end, for what ends to be told and sent */

const struct conf_option rpc_options[] = {
        {.section = "GRPC",
         .key = "MaxConnections",
         .type = CONF_UINT,
         .offset = offsetof(struct rpc_conf, connections_max),
         .fallback = "2000",
         .min = 1,
         .max = 1000000},
        {.section = "GRPC",
         .key = "MaxCalls",
         .type = CONF_UINT,
         .offset = offsetof(struct rpc_conf, calls_max),
         .fallback = "10000",
         .min = 1,
         .max = 1000000},
        {.section = "GRPC",
         .key = "MaxStreams",
         .type = CONF_UINT,
         .offset = offsetof(struct rpc_conf, streams_max),
         .fallback = "512",
         .min = 1,
         .max = 65536},
        {.section = "GRPC",
         .key = "MaxBuffered",
         .type = CONF_SIZE,
         .offset = offsetof(struct rpc_conf, buffered_max),
         .fallback = "128M",
         .min = 1024 * 1024,
         .max = UINT64_C(1) << 40},
        {.section = "GRPC",
         .key = "CallTimeoutSec",
         .type = CONF_USEC,
         .offset = offsetof(struct rpc_conf, call_timeout_usec),
         .fallback = "10",
         .min = 100 * USEC_PER_MSEC,
         .max = 600 * USEC_PER_SEC},
        {.section = "GRPC",
         .key = "KeepAliveSec",
         .type = CONF_USEC,
         .offset = offsetof(struct rpc_conf, keepalive_usec),
         .fallback = "5min",
         .min = USEC_PER_SEC,
         .max = 86400 * USEC_PER_SEC},
        {0},
};

/* ---- what the turn of the loop left ---- */

void rpc_server_schedule(struct rpc_server *s, struct rpc_connection *c)
{
        if (!list_is_linked(&c->dirty_link))
                list_append(&s->dirty, &c->dirty_link);
        loop_task_schedule(&s->task);
}

void rpc_server_wake(struct rpc_call *c)
{
        if (!list_is_linked(&c->awake_link))
                list_append(&c->server->awake, &c->awake_link);
        loop_task_schedule(&c->server->task);
}

void rpc_server_settle(struct rpc_call *c)
{
        if (!list_is_linked(&c->over_link))
                list_append(&c->server->over, &c->over_link);
        loop_task_schedule(&c->server->task);
}

static void run_awake(struct rpc_server *s)
{
        struct list_link *i, *last = s->awake.head.prev;

        while ((i = list_first(&s->awake))) {
                struct rpc_call *c = LIST_ENTRY(i, struct rpc_call, awake_link);
                bool writable = c->wants_writable && buf_size(&c->out) < RPC_LOW_WATER;

                list_remove(i);
                if (writable && c->state == RPC_RUNNING) {
                        c->wants_writable = false;
                        if (c->method->writable)
                                c->method->writable(c);
                }
                if (c->state == RPC_RUNNING && c->method->kind == RPC_STREAM)
                        rpc_receive_messages(c);
                if (i == last)
                        break; /* what woke meanwhile gets its turn after the others' I/O */
        }
        if (!list_is_empty(&s->awake))
                loop_task_schedule(&s->task);
}

static void run_dirty(struct rpc_server *s)
{
        struct list_link *i;

        while ((i = list_first(&s->dirty))) {
                list_remove(i);
                rpc_connection_flush(LIST_ENTRY(i, struct rpc_connection, dirty_link));
        }
}

static void run_over(struct rpc_server *s)
{
        struct list_link *i;

        while ((i = list_first(&s->over))) {
                struct rpc_call *c = LIST_ENTRY(i, struct rpc_call, over_link);

                list_remove(i);
                rpc_call_tell(c);
                if (!c->connection)
                        rpc_call_free(c);
        }
}

static void on_task(struct loop_task *t)
{
        struct rpc_server *s = container_of(t, struct rpc_server, task);

        run_awake(s);
        run_dirty(s);
        run_over(s);
}

/* ---- deadlines ---- */

static void on_alarm(struct loop_timer *t)
{
        struct rpc_server *s = container_of(t, struct rpc_server, alarm);
        usec_t now = clock_monotonic_usec(), next = USEC_INFINITY;

        s->alarm_usec = USEC_INFINITY;
        LIST_FOREACH_SAFE (i, &s->calls) {
                struct rpc_call *c = LIST_ENTRY(i, struct rpc_call, link);

                if (rpc_call_due(c) <= now)
                        rpc_call_expire(c);
                next = MIN_OF(next, rpc_call_due(c));
        }
        if (next != USEC_INFINITY)
                rpc_server_alarm(s, MAX_OF(next, now + ALARM_STEP_USEC));
}

void rpc_server_alarm(struct rpc_server *s, usec_t at)
{
        usec_t now;

        if (s->alarm_usec <= at)
                return;
        now = clock_monotonic_usec();
        if (loop_timer_start(&s->alarm, s->loop, at > now ? at - now : 0, on_alarm) == 0)
                s->alarm_usec = at;
}

/* ---- connections ---- */

static void start_sweep(struct rpc_server *s);

static void on_sweep(struct loop_timer *t)
{
        struct rpc_server *s = container_of(t, struct rpc_server, sweep);
        usec_t now = clock_monotonic_usec();
        bool is_last = s->drain_usec != 0 && now - s->drain_usec >= DRAIN_NOTICE_USEC;

        LIST_FOREACH_SAFE (i, &s->connections) {
                struct rpc_connection *c = LIST_ENTRY(i, struct rpc_connection, link);

                if (is_last)
                        rpc_connection_tell(c, true);
                rpc_connection_check(c, now);
        }
        if (!list_is_empty(&s->connections))
                start_sweep(s);
        else if (s->has_garbage) {
                /* The service does it after calls; not every client comes to make one. */
                s->has_garbage = false;
                (void)malloc_trim(0);
        }
}

static void start_sweep(struct rpc_server *s)
{
        (void)loop_timer_start(&s->sweep, s->loop, s->drain_usec != 0 ? DRAIN_NOTICE_USEC / 5 : SWEEP_USEC,
                               on_sweep);
}

static void on_accepted(struct net_acceptor *a, int fd, const struct net_peer *peer)
{
        struct rpc_listener *l = container_of(a, struct rpc_listener, acceptor);

        rpc_connection_accept(a, fd, peer);
        l->server->has_garbage = true;
        if (!loop_timer_is_armed(&l->server->sweep))
                start_sweep(l->server);
}

int rpc_server_listen(struct rpc_server *s, int fd, struct net_tls *tls)
{
        struct rpc_listener *l;
        int r;

        if (s->n_listeners == ARRAY_SIZE(s->listeners))
                return -ENOBUFS;
        if (tls && !streq_ptr(tls->alpn, "h2"))
                return -EINVAL;
        l = &s->listeners[s->n_listeners];
        l->server = s;
        l->tls = tls;
        r = net_acceptor_start(&l->acceptor, s->loop, fd, false, (unsigned)s->conf->connections_max,
                               on_accepted);
        if (r < 0)
                return r;
        s->n_listeners++;
        return 0;
}

/* ---- the server ---- */

static int fill_table(struct rpc_server *s)
{
        size_t n = 0;
        int r;

        for (const struct rpc_method *const *list = s->setup.methods; *list; list++)
                for (const struct rpc_method *m = *list; m->name; m++)
                        n++;
        s->entries = new0(struct rpc_entry, n + 1);
        if (!s->entries)
                return -ENOMEM;
        for (const struct rpc_method *const *list = s->setup.methods; *list; list++)
                for (const struct rpc_method *m = *list; m->name; m++) {
                        struct rpc_entry *e = &s->entries[s->n_entries++];

                        e->method = m;
                        e->entry.key = m->name;
                        r = map_put(&s->methods, m->name, &e->entry);
                        if (r < 0)
                                return r;
                }
        return 0;
}

int rpc_server_new(struct rpc_server **ret, struct service *service, const struct rpc_server_setup *setup)
{
        _cleanup_(rpc_server_freep) struct rpc_server *s = NULL;
        int r;

        s = new0(struct rpc_server, 1);
        if (!s)
                return -ENOMEM;
        s->service = service;
        s->loop = service_loop(service);
        s->setup = *setup;
        s->conf = setup->conf;
        s->alarm_usec = USEC_INFINITY;
        map_init(&s->methods);
        list_init(&s->connections);
        list_init(&s->calls);
        list_init(&s->spare);
        list_init(&s->dirty);
        list_init(&s->awake);
        list_init(&s->over);
        list_init(&s->watchers);
        random_bytes(&s->id_seed, sizeof(s->id_seed));
        random_bytes(&s->id_last, sizeof(s->id_last));
        if ((r = fill_table(s)) < 0 || (r = loop_task_init(&s->task, s->loop, on_task)) < 0 ||
            (r = rpc_session_setup(s)) < 0)
                return r;
        *ret = TAKE_PTR(s);
        return 0;
}

bool rpc_server_has_service(const struct rpc_server *s, const char *name)
{
        size_t n = strlen(name);

        for (size_t i = 0; i < s->n_entries; i++) {
                const char *method = s->entries[i].method->name + 1;

                if (strncmp(method, name, n) == 0 && method[n] == '/')
                        return true;
        }
        return false;
}

void rpc_server_set_serving(struct rpc_server *s, bool is_serving)
{
        if (s->is_unserving != is_serving)
                return;
        s->is_unserving = !is_serving;
        rpc_health_changed(s);
}

void rpc_server_reload(struct rpc_server *s, const struct rpc_conf *conf)
{
        s->conf = conf;
        for (size_t i = 0; i < s->n_listeners; i++)
                net_acceptor_set_max(&s->listeners[i].acceptor, (unsigned)conf->connections_max);
}

static void stop_accepting(struct rpc_server *s)
{
        for (size_t i = 0; i < s->n_listeners; i++)
                net_acceptor_stop(&s->listeners[i].acceptor);
}

static void end_call(struct rpc_call *c)
{
        rpc_call_error(c, -ECANCELED);
}

void rpc_server_drain(struct rpc_server *s)
{
        if (s->drain_usec != 0)
                return;
        s->drain_usec = clock_monotonic_usec();
        stop_accepting(s);
        rpc_server_set_serving(s, false);
        LIST_FOREACH_SAFE (i, &s->calls) {
                struct rpc_call *c = LIST_ENTRY(i, struct rpc_call, link);

                if (c->method && c->method->flags & RPC_METHOD_ENDLESS)
                        end_call(c);
        }
        LIST_FOREACH (i, &s->connections)
                rpc_connection_tell(LIST_ENTRY(i, struct rpc_connection, link), false);
        if (!list_is_empty(&s->connections))
                start_sweep(s);
}

struct rpc_server *rpc_server_free(struct rpc_server *s)
{
        if (!s)
                return NULL;
        s->is_stopping = true;
        stop_accepting(s);
        LIST_FOREACH_SAFE (i, &s->calls)
                end_call(LIST_ENTRY(i, struct rpc_call, link));
        for (unsigned i = 0; i < PASSES_MAX && !list_is_empty(&s->dirty); i++)
                on_task(&s->task);
        LIST_FOREACH_SAFE (i, &s->connections)
                rpc_connection_free(LIST_ENTRY(i, struct rpc_connection, link));
        run_over(s);
        LIST_FOREACH_SAFE (i, &s->spare) {
                list_remove(i);
                free(LIST_ENTRY(i, struct rpc_call, link));
        }
        loop_timer_done(&s->alarm);
        loop_timer_done(&s->sweep);
        loop_task_done(&s->task);
        nghttp2_session_callbacks_del(s->callbacks);
        nghttp2_option_del(s->option);
        map_done(&s->methods);
        free(s->entries);
        buf_done(&s->scratch);
        free(s);
        return NULL;
}

const struct rpc_metrics *rpc_server_metrics(const struct rpc_server *s)
{
        return &s->metrics;
}
