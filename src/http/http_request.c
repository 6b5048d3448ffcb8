/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */

/* The life of a request; the picture is in http_request.h.
 *
 * Two things must have happened before it is freed: it was answered, and MHD has let go of it. A client that
 * leaves early makes it an orphan: its operation runs to its answer, which nobody reads. */

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/str.h"
#include "http/http_internal.h"
#include "service/log.h"
#include "service/log_ids.h"

const uint64_t http_latency_bounds_usec[11] = {
        500, 1000, 2500, 5000, 10000, 25000, 50000, 100000, 250000, 1000000, 5000000,
};

/* ---- memory ---- */

void *http_request_alloc(struct http_request *r, size_t size)
{
        return arena_alloc(&r->arena, size);
}

char *http_request_strdup(struct http_request *r, const char *s)
{
        return arena_strdup(&r->arena, s);
}

static struct http_request *take_spare(struct http_server *s)
{
        struct list_link *link = list_first(&s->spare);

        if (!link)
                return malloc(sizeof(struct http_request));
        list_remove(link);
        s->n_spare--;
        return LIST_ENTRY(link, struct http_request, link);
}

int http_request_new(struct http_request **ret, struct http_server *s, struct http_connection *c,
                     struct MHD_Connection *mhd)
{
        struct http_request *r = take_spare(s);

        if (!r)
                return -ENOMEM;
        memset(r, 0, offsetof(struct http_request, slab));
        arena_init(&r->arena, r->slab, sizeof(r->slab));
        r->server = s;
        r->connection = c;
        r->mhd = mhd;
        r->peer = c->peer;
        r->start_usec = clock_monotonic_usec();
        r->deadline_usec = usec_add(r->start_usec, s->conf->request_timeout_usec);
        c->request = r;
        c->was_used = true;
        list_append(&s->requests, &r->link);
        *ret = r;
        return 0;
}

struct http_request *http_request_free(struct http_request *r)
{
        struct http_server *s;

        if (!r)
                return NULL;
        s = r->server;
        list_remove(&r->link);
        if (r->op_done)
                r->op_done(r->op);
        if (r->guard_done)
                r->guard_done(r->guard);
        if (r->response)
                MHD_destroy_response(r->response);
        http_tunnel_close(r->tunnel);
        if (r->stream) {
                list_remove(&r->stream->writable);
                buf_done(&r->stream->out);
        }
        if (r->query)
                url_query_done(r->query);
        buf_done(&r->body);
        arena_done(&r->arena);
        if (r->has_hold)
                service_release(s->service);
        if (s->n_spare < HTTP_SPARE_MAX && !s->is_stopping) {
                list_prepend(&s->spare, &r->link);
                s->n_spare++;
        } else
                free(r);
        return NULL;
}

/* ---- states ---- */

void http_request_move(struct http_request *r, enum http_state to)
{
        static const unsigned allowed[] = {
                [HTTP_READING] = 1 << HTTP_RUNNING | 1 << HTTP_ANSWERED,
                [HTTP_RUNNING] = 1 << HTTP_WAITING | 1 << HTTP_ANSWERED,
                [HTTP_WAITING] = 1 << HTTP_ANSWERED,
                [HTTP_ANSWERED] = 0,
        };

        assert(allowed[r->state] & 1U << to);
        if (r->state == HTTP_WAITING)
                r->server->metrics.n_waiting--;
        r->state = to;
        if (to == HTTP_WAITING)
                r->server->metrics.n_waiting++;
}

void http_request_start(struct http_request *r)
{
        r->is_begun = true;
        /* A slow upload has had its own time: the operation gets the whole of its. */
        r->deadline_usec = usec_add(clock_monotonic_usec(), r->server->conf->request_timeout_usec);
        http_request_move(r, HTTP_RUNNING);
        if (r->server->setup.guard)
                r->server->setup.guard(r);
        else
                http_request_pass(r);
        if (r->state == HTTP_RUNNING)
                http_request_move(r, HTTP_WAITING);
}

void http_request_pass(struct http_request *r)
{
        int k = r->route->begin(r);

        if (k < 0 && r->state != HTTP_ANSWERED)
                http_reply_error(r, k);
}

void http_request_answered(struct http_request *r)
{
        http_request_move(r, HTTP_ANSWERED);
        r->answered_usec = clock_monotonic_usec();
        r->is_paused = false;
        if (r->connection) {
                http_port_wake(r);
                return;
        }
        list_remove(&r->link);
        list_append(&r->server->orphans, &r->link);
        http_server_kick(r->server);
}

void http_request_end_patience(struct http_request *r)
{
        if (r->is_patient)
                r->server->port.n_patient--;
        r->is_patient = false;
}

void http_request_begin_motion(struct http_request *r)
{
        if (!r->in_motion)
                r->server->port.n_moving++;
        r->in_motion = true;
}

void http_request_end_motion(struct http_request *r)
{
        if (r->in_motion)
                r->server->port.n_moving--;
        r->in_motion = false;
}

/* ---- the end ---- */

static bool changes_state(const struct http_request *r)
{
        return !streq(r->method, "GET") && !streq(r->method, "HEAD") && !streq(r->method, "OPTIONS");
}

static void log_done(const struct http_request *r, usec_t duration)
{
        int priority = r->status >= 500 || (changes_state(r) && r->status < 400) ? LOG_INFO : LOG_DEBUG;
        char status[12], usec[24];
        struct log_field fields[8 + HTTP_LOG_FIELDS_MAX] = {
                {"MESSAGE_ID", LOG_ID_REQUEST_DONE},
                {"REQUEST_ID", r->id},
                {"METHOD", r->method},
                {"PATH", r->path},
                {"STATUS", status},
                {"DURATION_USEC", usec},
                {"USER_NAME", r->user},
        };

        if (!log_is_enabled(priority))
                return;
        (void)snprintf(status, sizeof(status), "%u", r->status);
        (void)snprintf(usec, sizeof(usec), "%llu", (unsigned long long)duration);
        for (size_t i = 0; i < r->n_log; i++)
                fields[7 + i] = (struct log_field){r->log[i].name, r->log[i].value};
        log_fields(priority, fields, "%s %s: %u in %llu.%03llu ms", r->method, r->path, r->status,
                   (unsigned long long)duration / 1000, (unsigned long long)duration % 1000);
}

static void count_done(struct http_request *r, usec_t duration)
{
        struct http_metrics *m = &r->server->metrics;
        size_t i = 0;

        m->n_requests[r->status / 100 < ARRAY_SIZE(m->n_requests) ? r->status / 100 : 0]++;
        while (i < ARRAY_SIZE(http_latency_bounds_usec) && duration > http_latency_bounds_usec[i])
                i++;
        m->buckets[i]++;
        m->latency_sum_usec += duration;
}

static void finish(struct http_request *r)
{
        usec_t duration = clock_monotonic_usec() - r->start_usec;

        count_done(r, duration);
        log_done(r, duration);
        http_request_free(r);
}

void http_request_free_orphans(struct http_server *s)
{
        LIST_FOREACH_SAFE (i, &s->orphans) {
                struct http_request *r = LIST_ENTRY(i, struct http_request, link);

                if (r->stream)
                        http_stream_abandon(r);
                finish(r);
        }
}

void http_request_detach(struct http_request *r)
{
        http_request_end_patience(r);
        http_request_end_motion(r);
        r->connection->request = NULL;
        r->connection->quiet_usec = clock_monotonic_usec();
        r->connection->was_peeked = false;
        r->connection = NULL;
        r->mhd = NULL;
        r->is_suspended = false;
        if (r->stream)
                http_stream_abandon(r);
        if (r->state == HTTP_ANSWERED) {
                finish(r);
                return;
        }
        if (r->is_begun && (!r->receiver || r->has_ended))
                return; /* an orphan from now on */
        log_debug("%s %s: the client left before the end of its request", r->method, r->path);
        if (r->receiver)
                r->receiver->gone(r);
        if (r->state == HTTP_WAITING)
                r->server->metrics.n_waiting--;
        http_request_free(r);
}
