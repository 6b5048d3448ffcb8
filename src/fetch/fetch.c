/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */

/* libcurl's "multi socket" interface under sd-event.
 *
 * libcurl says which sockets it wants watched (on_socket) and when it wants to be called at the latest
 * (on_timer); we call curl_multi_socket_action() when either happens and then collect what has finished.
 * Three things need care:
 *
 *  - libcurl must not be called from its own call-backs, and jobs complete only after it has returned
 *    (`depth`); a job cancelled inside such a call-back leaves its handle behind, to be collected afterwards.
 *  - A timeout of 0 means "call me at once, but not from here": a task of this loop turn, not a timer, which
 *    would cost a timerfd round for every request.
 *  - At most `connections_max` transfers are given to libcurl; the others wait in our line, where they cost
 *    nothing and their deadlines are ours. */

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "fetch/fetch_slot.h"

#define CONNECTIONS_DEFAULT 8
#define TIMEOUT_DEFAULT (30 * USEC_PER_SEC)

struct fetch_client {
        sd_event *loop;                         /* borrowed */
        CURLM *multi;                           /* owned */
        char *base_url, *unix_socket, *ca_file; /* owned */
        struct fetch_conf conf;                 /* points to those */
        struct list waiting;                    /* struct fetch: not yet given to libcurl */
        struct list busy, spare;                /* struct fetch_slot */
        struct list watches;                    /* struct fetch_watch */
        unsigned n_busy;
        unsigned depth; /* > 0: libcurl is on the stack */
        bool reaping, has_orphans;
        struct loop_timer timer;      /* libcurl's */
        struct loop_timer line_timer; /* the earliest deadline in the line */
        usec_t line_deadline_usec;
        struct loop_task kick; /* libcurl's timeout of 0, and starting from the line */
        bool wants_kick;
};

/* A socket of libcurl's in the loop. */
struct fetch_watch {
        struct list_link link;
        struct loop_io io;
        struct fetch_client *client; /* borrowed */
        curl_socket_t fd;            /* libcurl's */
};

static void client_act(struct fetch_client *c, curl_socket_t fd, int events);

static void watch_free(struct fetch_watch *w)
{
        list_remove(&w->link);
        loop_io_stop(&w->io);
        free(w);
}

static void on_watch_ready(struct loop_io *io, uint32_t revents)
{
        struct fetch_watch *w = container_of(io, struct fetch_watch, io);
        int events = 0;

        if (revents & (EPOLLIN | EPOLLHUP | EPOLLRDHUP))
                events |= CURL_CSELECT_IN;
        if (revents & EPOLLOUT)
                events |= CURL_CSELECT_OUT;
        if (revents & EPOLLERR)
                events |= CURL_CSELECT_ERR;
        client_act(w->client, w->fd, events);
}

static int on_socket(CURL *easy, curl_socket_t fd, int what, void *userdata, void *socket_data)
{
        struct fetch_client *c = userdata;
        struct fetch_watch *w = socket_data;
        uint32_t events = (what & CURL_POLL_IN ? (uint32_t)EPOLLIN : 0) |
                          (what & CURL_POLL_OUT ? (uint32_t)EPOLLOUT : 0);

        if (what == CURL_POLL_REMOVE) {
                if (w)
                        watch_free(w);
                curl_multi_assign(c->multi, fd, NULL);
                return 0;
        }
        if (w)
                return loop_io_set_events(&w->io, events) < 0 ? -1 : 0;
        w = new0(struct fetch_watch, 1);
        if (!w)
                return -1;
        w->client = c;
        w->fd = fd;
        list_append(&c->watches, &w->link);
        if (loop_io_start(&w->io, c->loop, fd, events, on_watch_ready) < 0) {
                watch_free(w);
                return -1;
        }
        curl_multi_assign(c->multi, fd, w);
        return 0;
}

static void on_timer_fire(struct loop_timer *t)
{
        client_act(container_of(t, struct fetch_client, timer), CURL_SOCKET_TIMEOUT, 0);
}

static int on_timer(CURLM *multi, long timeout_ms, void *userdata)
{
        struct fetch_client *c = userdata;

        loop_timer_stop(&c->timer);
        c->wants_kick = timeout_ms == 0;
        if (timeout_ms == 0)
                loop_task_schedule(&c->kick);
        else if (timeout_ms > 0 &&
                 loop_timer_start(&c->timer, c->loop, (usec_t)timeout_ms * USEC_PER_MSEC, on_timer_fire) < 0)
                return -1;
        return 0;
}

static void slot_release(struct fetch_client *c, struct fetch_slot *s)
{
        curl_multi_remove_handle(c->multi, s->easy);
        fetch_slot_clear(s);
        list_remove(&s->link);
        list_append(&c->spare, &s->link);
        c->n_busy--;
}

static void job_complete(struct fetch *f)
{
        list_remove(&f->link);
        f->client = NULL;
        f->slot = NULL;
        f->complete(f);
}

static void job_fail(struct fetch *f, int error, const char *reason)
{
        f->error = error;
        snprintf(f->reason, sizeof(f->reason), "%s", reason);
        job_complete(f);
}

static int job_start(struct fetch_client *c, struct fetch *f)
{
        struct list_link *i = list_first(&c->spare);
        struct fetch_slot *s;
        int r;

        s = i ? LIST_ENTRY(i, struct fetch_slot, link) : fetch_slot_new();
        if (!s)
                return -ENOMEM;
        list_remove(&s->link);
        list_append(&c->busy, &s->link);
        c->n_busy++;
        r = fetch_slot_begin(s, f, &c->conf);
        if (r == 0) {
                c->depth++;
                r = curl_multi_add_handle(c->multi, s->easy) == CURLM_OK ? 0 : -ENOMEM;
                c->depth--;
        }
        if (r < 0) {
                slot_release(c, s);
                return r;
        }
        f->slot = s;
        return 0;
}

/* Fills the free places from the line. */
static void client_start_waiting(struct fetch_client *c)
{
        while (c->n_busy < c->conf.connections_max && !list_is_empty(&c->waiting)) {
                struct fetch *f = LIST_ENTRY(list_first(&c->waiting), struct fetch, link);
                int r;

                list_remove(&f->link);
                r = job_start(c, f);
                if (r < 0)
                        job_fail(f, r, strerror(-r));
        }
}

/* Collects finished transfers; call-backs may submit and cancel others. */
static void client_reap(struct fetch_client *c)
{
        CURLMsg *m;
        int left;

        if (c->reaping)
                return;
        c->reaping = true;
        while ((m = curl_multi_info_read(c->multi, &left))) {
                CURLcode code = m->data.result;
                struct fetch_slot *s = NULL;
                struct fetch *f;

                curl_easy_getinfo(m->easy_handle, CURLINFO_PRIVATE, (char **)&s);
                f = s->job;
                fetch_slot_complete(s, code);
                slot_release(c, s);
                if (f)
                        job_complete(f);
        }
        c->reaping = false;
        client_start_waiting(c);
}

/* Handles whose jobs were cancelled while libcurl was on the stack. */
static void client_release_orphans(struct fetch_client *c)
{
        if (!c->has_orphans)
                return;
        c->has_orphans = false;
        LIST_FOREACH_SAFE (i, &c->busy) {
                struct fetch_slot *s = LIST_ENTRY(i, struct fetch_slot, link);

                if (!s->job)
                        slot_release(c, s);
        }
}

static void client_act(struct fetch_client *c, curl_socket_t fd, int events)
{
        int running;

        c->depth++;
        curl_multi_socket_action(c->multi, fd, events, &running);
        c->depth--;
        client_release_orphans(c);
        client_reap(c);
}

static void on_kick(struct loop_task *t)
{
        struct fetch_client *c = container_of(t, struct fetch_client, kick);

        client_start_waiting(c);
        if (c->wants_kick) {
                c->wants_kick = false;
                client_act(c, CURL_SOCKET_TIMEOUT, 0);
        }
}

static void on_line_deadline(struct loop_timer *t)
{
        struct fetch_client *c = container_of(t, struct fetch_client, line_timer);
        usec_t now = clock_monotonic_usec(), next = USEC_INFINITY;
        struct fetch *late;

        do {
                late = NULL;
                next = USEC_INFINITY;
                LIST_FOREACH (i, &c->waiting) {
                        struct fetch *f = LIST_ENTRY(i, struct fetch, link);

                        if (f->deadline_usec <= now) {
                                late = f;
                                break;
                        }
                        next = MIN_OF(next, f->deadline_usec);
                }
                if (late)
                        job_fail(late, -ETIMEDOUT, "timed out waiting for a free connection");
        } while (late);

        c->line_deadline_usec = next;
        if (next != USEC_INFINITY)
                (void)loop_timer_start(&c->line_timer, c->loop, next - now, on_line_deadline);
}

int fetch_client_new(struct fetch_client **ret, sd_event *loop, const struct fetch_conf *conf)
{
        _cleanup_(fetch_client_freep) struct fetch_client *c = new0(struct fetch_client, 1);

        if (!c)
                return -ENOMEM;
        list_init(&c->waiting);
        list_init(&c->busy);
        list_init(&c->spare);
        list_init(&c->watches);
        c->loop = loop;
        c->line_deadline_usec = USEC_INFINITY;
        if (strdup_to(&c->base_url, conf->base_url) < 0 ||
            strdup_to(&c->unix_socket, conf->unix_socket) < 0 || strdup_to(&c->ca_file, conf->ca_file) < 0)
                return -ENOMEM;
        c->conf = (struct fetch_conf){
                .base_url = c->base_url,
                .unix_socket = c->unix_socket,
                .ca_file = c->ca_file,
                .connections_max = conf->connections_max > 0 ? conf->connections_max : CONNECTIONS_DEFAULT,
                .may_connect = conf->may_connect,
                .context = conf->context,
        };
        if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
                return -ENOMEM;
        c->multi = curl_multi_init();
        if (!c->multi)
                return -ENOMEM;
        curl_multi_setopt(c->multi, CURLMOPT_SOCKETFUNCTION, on_socket);
        curl_multi_setopt(c->multi, CURLMOPT_SOCKETDATA, c);
        curl_multi_setopt(c->multi, CURLMOPT_TIMERFUNCTION, on_timer);
        curl_multi_setopt(c->multi, CURLMOPT_TIMERDATA, c);
        curl_multi_setopt(c->multi, CURLMOPT_MAXCONNECTS, (long)c->conf.connections_max);
        if (loop_task_init(&c->kick, loop, on_kick) < 0)
                return -ENOMEM;
        *ret = TAKE_PTR(c);
        return 0;
}

struct fetch_client *fetch_client_free(struct fetch_client *c)
{
        if (!c)
                return NULL;
        LIST_FOREACH_SAFE (i, &c->waiting) {
                fetch_cancel(LIST_ENTRY(i, struct fetch, link));
        }
        LIST_FOREACH_SAFE (i, &c->busy) {
                struct fetch_slot *s = LIST_ENTRY(i, struct fetch_slot, link);

                if (s->job)
                        fetch_cancel(s->job);
        }
        LIST_FOREACH_SAFE (i, &c->spare) {
                fetch_slot_free(LIST_ENTRY(i, struct fetch_slot, link));
        }
        if (c->multi) {
                curl_multi_cleanup(c->multi); /* still calls on_socket and on_timer */
                curl_global_cleanup();
        }
        LIST_FOREACH_SAFE (i, &c->watches) {
                watch_free(LIST_ENTRY(i, struct fetch_watch, link));
        }
        loop_task_done(&c->kick);
        loop_timer_done(&c->timer);
        loop_timer_done(&c->line_timer);
        free(c->base_url);
        free(c->unix_socket);
        free(c->ca_file);
        free(c);
        return NULL;
}

int fetch_submit(struct fetch *f, struct fetch_client *c)
{
        usec_t now = clock_monotonic_usec();
        int r;

        f->error = 0;
        f->reason[0] = f->etag[0] = f->request_id[0] = '\0';
        f->status = 0;
        buf_reset(&f->answer);
        f->deadline_usec = usec_add(now, f->timeout_usec > 0 ? f->timeout_usec : TIMEOUT_DEFAULT);
        if (f->deadline_usec < c->line_deadline_usec) {
                r = loop_timer_start(&c->line_timer, c->loop, f->deadline_usec - now, on_line_deadline);
                if (r < 0)
                        return r;
                c->line_deadline_usec = f->deadline_usec;
        }
        f->client = c;
        f->slot = NULL;
        list_append(&c->waiting, &f->link);
        loop_task_schedule(&c->kick);
        return 0;
}

void fetch_cancel(struct fetch *f)
{
        struct fetch_client *c = f->client;
        struct fetch_slot *s = f->slot;

        if (!c)
                return;
        list_remove(&f->link);
        f->client = NULL;
        f->slot = NULL;
        if (!s)
                return;
        s->job = NULL;
        if (c->depth > 0) {
                c->has_orphans = true;
                return;
        }
        slot_release(c, s);
        loop_task_schedule(&c->kick);
}

void fetch_done(struct fetch *f)
{
        fetch_cancel(f);
        buf_done(&f->answer);
}
