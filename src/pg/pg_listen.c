/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */

/* The link lives on its own allocation, so that the owner's struct stays small and the owner may stop the
 * listener from inside a call-back: what is still to be done after one is done only if it is still ours. */

#include "pg/pg_listen.h"

#include <errno.h>
#include <stdio.h>

#include "base/alloc.h"
#include "base/str.h"
#include "pg/pg_link.h"

#define RECONNECT_MIN_USEC (100 * USEC_PER_MSEC)
#define RECONNECT_MAX_USEC (5 * USEC_PER_SEC)
#define CHANNEL_MAX 63 /* NAMEDATALEN - 1 */

struct pg_listen_link {
        struct pg_link link;
        struct pg_listen *owner; /* borrowed */
        struct pg_params params;
        sd_event *loop; /* shared */
        struct loop_timer retry;
        unsigned n_failures;
        bool is_listening;
        char sql[sizeof("LISTEN ") + CHANNEL_MAX];
};

static void link_open(struct pg_listen_link *k);

static void on_retry(struct loop_timer *t)
{
        link_open(container_of(t, struct pg_listen_link, retry));
}

/* The connection is closed: try again later, and tell. */
static void link_down(struct pg_listen_link *k)
{
        struct pg_listen *l = k->owner;
        bool was_listening = k->is_listening;

        k->is_listening = false;
        (void)loop_timer_start(&k->retry, k->loop,
                               backoff_usec(k->n_failures++, RECONNECT_MIN_USEC, RECONNECT_MAX_USEC),
                               on_retry);
        if (was_listening && l->lost)
                l->lost(l);
}

static void link_lose(struct pg_listen_link *k)
{
        pg_link_close(&k->link);
        link_down(k);
}

static void on_failed(struct pg_link *link)
{
        link_down(container_of(link, struct pg_listen_link, link));
}

static void on_connected(struct pg_link *link)
{
        struct pg_listen_link *k = container_of(link, struct pg_listen_link, link);

        if (!PQsendQuery(link->pg, k->sql) || pg_link_flush(link) < 0)
                link_lose(k);
}

/* The answer to LISTEN. False: it failed, and the link with it. */
static bool read_answer(struct pg_listen_link *k)
{
        while (!PQisBusy(k->link.pg)) {
                PGresult *res = PQgetResult(k->link.pg);
                bool ok = PQresultStatus(res) == PGRES_COMMAND_OK;

                if (!res)
                        break;
                PQclear(res);
                if (!ok) {
                        link_lose(k);
                        return false;
                }
                k->n_failures = 0;
                k->is_listening = true;
        }
        return true;
}

static void on_ready(struct pg_link *link, uint32_t revents)
{
        struct pg_listen_link *k = container_of(link, struct pg_listen_link, link);
        struct pg_listen *l = k->owner;
        bool was_listening = k->is_listening;
        PGnotify *n;

        if (((revents & EPOLLOUT) && pg_link_flush(link) < 0) || !PQconsumeInput(link->pg)) {
                link_lose(k);
                return;
        }
        if (!read_answer(k))
                return;
        if (k->is_listening && !was_listening && l->connected)
                l->connected(l);
        while (l->link == k && (n = PQnotifies(link->pg))) {
                if (l->notified)
                        l->notified(l, n->extra);
                PQfreemem(n);
        }
}

static const struct pg_link_handler handler = {
        .connected = on_connected,
        .failed = on_failed,
        .ready = on_ready,
};

static void link_open(struct pg_listen_link *k)
{
        if (pg_link_open(&k->link, k->loop, &k->params, &handler) < 0)
                link_down(k);
}

static bool is_channel(const char *s)
{
        size_t n = strlen(s);

        return n > 0 && n <= CHANNEL_MAX && strspn(s, "abcdefghijklmnopqrstuvwxyz_0123456789") == n &&
               (*s < '0' || *s > '9');
}

static void link_free(struct pg_listen_link *k)
{
        pg_link_close(&k->link);
        loop_timer_done(&k->retry);
        pg_params_done(&k->params);
        sd_event_unref(k->loop);
        free(k);
}

int pg_listen_start(struct pg_listen *l, sd_event *loop, const struct pg_conf *conf,
                    const char *application_name, const char *channel)
{
        struct pg_listen_link *k;
        char error[160];
        int r;

        if (!is_channel(channel))
                return -EINVAL;
        k = new0(struct pg_listen_link, 1);
        if (!k)
                return -ENOMEM;
        k->owner = l;
        k->loop = sd_event_ref(loop);
        snprintf(k->sql, sizeof(k->sql), "LISTEN %s", channel);
        r = pg_params_init(&k->params, conf->conninfo, PG_FOR_LISTENING, application_name, 0, error,
                           sizeof(error));
        if (r < 0) {
                link_free(k);
                return r;
        }
        l->link = k;
        link_open(k);
        return 0;
}

void pg_listen_stop(struct pg_listen *l)
{
        struct pg_listen_link *k = TAKE_PTR(l->link);

        if (k)
                link_free(k);
}

bool pg_listen_is_connected(const struct pg_listen *l)
{
        return l->link && l->link->is_listening;
}
