/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */

#include <errno.h>

#include "notifier/catch_up.h"
#include "notifier/notifier.h"
#include "ws/ws_conn.h"
#include "json/jwrite.h"

#define SERVE_CLIENTS 256 /* in one turn of the loop: a few milliseconds */
#define SERVE_EVENTS 64   /* of them for each */
#define UNHEARD_MAX 2     /* pings without an answer */

/* ---- Its place ---- */

static void enter(struct client *c, enum client_state state, struct list *queue)
{
        c->state = (uint8_t)state;
        list_remove(&c->queue);
        if (queue)
                list_append(queue, &c->queue);
}

/* Where it begins, and whether that is where it wanted to. */
static bool place(struct client *c)
{
        const struct feed *f = &c->notifier->feed;
        int64_t oldest = f->first - 1, wanted = c->position;

        switch (c->start) {
        case CLIENT_FROM_OFFSET:
                c->position = wanted > f->last ? f->last : MAX_OF(wanted, oldest);
                return c->position == wanted;
        case CLIENT_FROM_LAST:
                c->position = MAX_OF(f->last - wanted, oldest);
                return true;
        default:
                c->position = f->last;
                return true;
        }
}

void client_settle(struct client *c)
{
        struct notifier *d = c->notifier;

        if (c->position + 1 >= d->feed.ring_first) {
                enter(c, CLIENT_LIVE, c->is_blocked ? NULL : &d->clients.ready);
                loop_task_schedule(&d->clients.serve);
                return;
        }
        enter(c, CLIENT_BEHIND, c->is_blocked ? NULL : &d->clients.behind);
        catch_up_run(d);
}

/* ---- Output ---- */

static void block(struct client *c)
{
        c->is_blocked = true;
        (void)expiry_start(&c->notifier->clients.slow, &c->slow);
}

static int send_frame(struct client *c, struct ws_frame *f, const char *event)
{
        if (c->ops->send(c, f, c->position, event) == 0)
                return 0;
        if (c->state != CLIENT_LEAVING)
                block(c);
        return 1;
}

int client_offer(struct client *c, int64_t offset, const char *type, struct ws_frame *frame)
{
        if (c->is_blocked || c->state == CLIENT_LEAVING || !auth_hold_is_fresh(&c->hold))
                return 1;
        c->position = offset;
        if (!topics_match(c->topics, type))
                return 0;
        c->notifier->clients.n_sent++;
        return send_frame(c, frame, NULL);
}

static void welcome(struct client *c, bool recovered)
{
        struct buf json = BUF_EMPTY;
        struct jwrite w = jwrite_to(&json);
        struct ws_frame *f = NULL;

        jwrite_object_begin(&w);
        jwrite_pair(&w, "type", "welcome");
        jwrite_key(&w, "offset");
        jwrite_int(&w, c->position);
        jwrite_key(&w, "recovered");
        jwrite_bool(&w, recovered);
        jwrite_object_end(&w);
        if (buf_error(&json) == 0 && ws_frame_new(&f, buf_bytes(&json), buf_size(&json)) == 0)
                (void)send_frame(c, f, "welcome");
        else
                client_close(c, WS_CLOSE_TRY_LATER, "out of memory");
        ws_frame_unref(f);
        buf_done(&json);
        c->notifier->clients.n_unrecovered += !recovered;
}

static void serve(struct client *c)
{
        struct notifier *d = c->notifier;
        const struct feed *f = &d->feed;

        for (unsigned n = 0; c->position < f->last; n++) {
                const struct feed_event *e;

                if (c->position + 1 < f->ring_first) { /* it was overtaken */
                        client_settle(c);
                        return;
                }
                if (n == SERVE_EVENTS) {
                        enter(c, CLIENT_LIVE, &d->clients.ready);
                        return;
                }
                e = feed_at(f, c->position + 1);
                if (client_offer(c, e->offset, e->type, e->frame) != 0)
                        return;
        }
}

static void on_serve(struct loop_task *t)
{
        struct notifier *d = container_of(t, struct notifier, clients.serve);
        struct list_link *i;

        for (unsigned n = 0; n < SERVE_CLIENTS && (i = list_first(&d->clients.ready)); n++) {
                list_remove(i);
                serve(LIST_ENTRY(i, struct client, queue));
        }
        if (!list_is_empty(&d->clients.ready))
                loop_task_schedule(t);
}

void client_writable(struct client *c)
{
        if (!c->is_blocked)
                return;
        c->is_blocked = false;
        expiry_stop(&c->slow);
        if ((c->state == CLIENT_LIVE || c->state == CLIENT_BEHIND) && !c->is_reading)
                client_settle(c);
}

/* ---- Its life ---- */

static void on_told(struct auth_hold *h, bool ended)
{
        struct client *c = container_of(h, struct client, hold);

        if (ended) {
                c->notifier->clients.n_ended++;
                client_close(c, WS_CLOSE_POLICY, "the session has ended");
        } else if ((c->state == CLIENT_LIVE || c->state == CLIENT_BEHIND) && !c->is_reading)
                client_settle(c);
}

void client_wish_done(struct client_wish *w)
{
        w->topics = topics_unref(w->topics);
        auth_hold_drop(&w->hold);
}

void client_open(struct client *c, struct notifier *d, const struct client_ops *ops, struct client_wish *wish)
{
        struct clients *all = &d->clients;

        c->notifier = d;
        c->ops = ops;
        c->topics = TAKE_PTR(wish->topics);
        c->start = (uint8_t)wish->start;
        c->position = wish->number;
        auth_hold_move(&c->hold, &wish->hold, on_told);
        list_append(&all->all, &c->link);
        all->n_all++;
        all->n_opened++;
        service_hold(d->service);
        if (service_is_draining(d->service)) {
                client_close(c, WS_CLOSE_GOING_AWAY, "restarting: come back");
                return;
        }
        (void)expiry_start(&all->pings, &c->ping);
        enter(c, CLIENT_ARRIVING, &all->arriving);
        feed_on(&d->feed);
        c->look = feed_look(&d->feed);
}

void client_done(struct client *c)
{
        struct notifier *d = c->notifier;

        if (!d)
                return;
        c->state = CLIENT_LEAVING;
        expiry_stop(&c->ping);
        expiry_stop(&c->slow);
        list_remove(&c->queue);
        list_remove(&c->link);
        if (c->is_reading)
                catch_up_forget(d, c);
        auth_hold_drop(&c->hold);
        c->topics = topics_unref(c->topics);
        c->notifier = NULL;
        service_release(d->service);
        if (--d->clients.n_all == 0)
                feed_off(&d->feed);
}

void client_close(struct client *c, unsigned code, const char *reason)
{
        if (c->state == CLIENT_LEAVING)
                return;
        enter(c, CLIENT_LEAVING, NULL);
        expiry_stop(&c->ping);
        expiry_stop(&c->slow);
        c->ops->close(c, code, reason);
}

void client_heard(struct client *c)
{
        c->n_unheard = 0;
}

/* ---- All of them ---- */

static void on_ping(struct expiry *x, struct expiry_entry *e)
{
        struct client *c = container_of(e, struct client, ping);

        if (c->n_unheard >= UNHEARD_MAX) {
                c->notifier->clients.n_unanswered++;
                client_close(c, WS_CLOSE_GOING_AWAY, "no answer to pings");
                return;
        }
        (void)expiry_start(x, e);
        c->ops->ping(c);
}

static void on_slow(struct expiry *x, struct expiry_entry *e)
{
        struct client *c = container_of(e, struct client, slow);

        c->notifier->clients.n_slow++;
        client_close(c, WS_CLOSE_TRY_LATER, "too slow: come back with since=");
}

void clients_on_looked(struct notifier *d)
{
        struct clients *all = &d->clients;
        struct list_link *i;

        /* Looks ascend in the order of coming. */
        while ((i = list_first(&all->arriving))) {
                struct client *c = LIST_ENTRY(i, struct client, queue);

                if (c->look > d->feed.n_looked)
                        break;
                list_remove(i);
                welcome(c, place(c));
                if (c->state != CLIENT_LEAVING)
                        client_settle(c);
        }
        LIST_FOREACH (k, &all->all) {
                struct client *c = LIST_ENTRY(k, struct client, link);

                if (c->state == CLIENT_LIVE && !c->is_blocked && !list_is_linked(&c->queue) &&
                    c->position < d->feed.last)
                        list_append(&all->ready, &c->queue);
        }
        if (!list_is_empty(&all->ready))
                loop_task_schedule(&all->serve);
        catch_up_run(d);
}

void clients_close_all(struct notifier *d, bool placed_only, unsigned code, const char *reason)
{
        LIST_FOREACH_SAFE (i, &d->clients.all) {
                struct client *c = LIST_ENTRY(i, struct client, link);

                if (!placed_only || c->state != CLIENT_ARRIVING)
                        client_close(c, code, reason);
        }
}

int clients_init(struct notifier *d)
{
        struct clients *all = &d->clients;
        sd_event *loop = service_loop(d->service);

        list_init(&all->all);
        list_init(&all->arriving);
        list_init(&all->behind);
        list_init(&all->ready);
        map_init(&all->topics);
        expiry_init(&all->pings, loop, d->conf->notifier.ping_usec, on_ping);
        expiry_init(&all->slow, loop, d->conf->notifier.slow_client_usec, on_slow);
        return loop_task_init(&all->serve, loop, on_serve);
}

void clients_reload(struct notifier *d)
{
        expiry_set_delay(&d->clients.pings, d->conf->notifier.ping_usec);
        expiry_set_delay(&d->clients.slow, d->conf->notifier.slow_client_usec);
}

void clients_drop_all(struct notifier *d)
{
        struct list_link *i;

        while (d->feed.ring && (i = list_first(&d->clients.all))) {
                struct client *c = LIST_ENTRY(i, struct client, link);

                c->ops->drop(c);
        }
}

void clients_done(struct notifier *d)
{
        struct clients *all = &d->clients;

        expiry_done(&all->pings);
        expiry_done(&all->slow);
        loop_task_done(&all->serve);
        map_done(&all->topics);
}
