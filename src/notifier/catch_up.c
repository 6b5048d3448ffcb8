/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */

#include "notifier/catch_up.h"
#include "notifier/notifier.h"
#include "ws/ws_conn.h"

/* 0; 1: the client stops here; -ENOMEM. */
static int send_page(struct client *c, const struct pg_query *q)
{
        for (size_t i = 0; i < event_log_rows(q); i++) {
                _cleanup_(ws_frame_unrefp) struct ws_frame *frame = NULL;
                int r = 0;

                if (topics_match(c->topics, event_log_type(q, i)))
                        r = event_log_frame(q, i, &frame);
                if (r < 0)
                        return r;
                r = client_offer(c, event_log_offset(q, i), event_log_type(q, i), frame);
                if (r != 0)
                        return r;
        }
        return 0;
}

/* What it has not seen is no longer there: it was trimmed, or this is another log. */
static bool has_hole(const struct client *c, const struct pg_query *q)
{
        int64_t first, last;

        event_log_head(q, &first, &last);
        return first > c->position + 1 || last < c->position;
}

static void on_read(struct pg_query *q)
{
        struct catch_up *u = container_of(q, struct catch_up, query);
        struct notifier *d = u->notifier;
        struct client *c = TAKE_PTR(u->client);
        int status = q->status;

        if (c && status == 0 && has_hole(c, q))
                client_close(c, WS_CLOSE_RESTART, "the log has gone on: come back with since=");
        else if (c && status == 0 && send_page(c, q) < 0)
                client_close(c, WS_CLOSE_TRY_LATER, "out of memory");
        pg_query_done(q);
        u->is_reading = false;
        if (c)
                c->is_reading = false;
        if (c && c->state != CLIENT_LEAVING && status < 0)
                list_append(&d->clients.behind, &c->queue); /* the next look brings us here again */
        else if (c && c->state != CLIENT_LEAVING && auth_hold_is_fresh(&c->hold))
                client_settle(c);
        if (status == 0)
                catch_up_run(d);
}

static struct catch_up *find_free(struct notifier *d)
{
        for (size_t i = 0; i < MIN_OF(d->conf->notifier.catch_ups_max, (uint64_t)CATCH_UPS_MAX); i++)
                if (!d->catch_ups[i].is_reading)
                        return &d->catch_ups[i];
        return NULL;
}

void catch_up_run(struct notifier *d)
{
        struct list_link *i;
        struct catch_up *u;

        while ((i = list_first(&d->clients.behind)) && (u = find_free(d))) {
                struct client *c = LIST_ENTRY(i, struct client, queue);

                u->notifier = d;
                if (event_log_read(&u->query, d->backend.pool, c->position, EVENT_LOG_PAGE, on_read) < 0) {
                        pg_query_done(&u->query);
                        return;
                }
                list_remove(i);
                u->client = c;
                u->is_reading = c->is_reading = true;
                d->n_pages++;
        }
}

void catch_up_forget(struct notifier *d, struct client *c)
{
        for (size_t i = 0; i < CATCH_UPS_MAX; i++)
                if (d->catch_ups[i].client == c)
                        d->catch_ups[i].client = NULL;
}

void catch_up_done(struct notifier *d)
{
        for (size_t i = 0; i < CATCH_UPS_MAX; i++)
                pg_query_done(&d->catch_ups[i].query);
}
