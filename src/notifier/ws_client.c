/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */

/* A client by WebSocket. */

#include <errno.h>

#include "base/alloc.h"
#include "notifier/notifier.h"
#include "notifier/stream_api.h"
#include "ws/ws_conn.h"
#include "ws/ws_handshake.h"

struct ws_client {
        struct client client;
        struct ws_conn conn;
        struct ws_conn_handler handler; /* with MaxMessage= as it was when the client came */
};

static struct ws_client *of(struct client *c)
{
        return container_of(c, struct ws_client, client);
}

static struct client *client_of(struct ws_conn *conn)
{
        return &container_of(conn, struct ws_client, conn)->client;
}

/* ---- Towards the client ---- */

static int on_send(struct client *c, struct ws_frame *f, int64_t offset, const char *event)
{
        return ws_conn_send(&of(c)->conn, f);
}

static void on_ping(struct client *c)
{
        if (ws_conn_ping(&of(c)->conn))
                c->n_unheard++;
}

static void on_close(struct client *c, unsigned code, const char *reason)
{
        ws_conn_close(&of(c)->conn, code, reason);
}

static void on_drop(struct client *c)
{
        struct ws_client *w = of(c);

        client_done(c);
        ws_conn_done(&w->conn);
        free(w);
}

static const struct client_ops ops = {.send = on_send, .ping = on_ping, .close = on_close, .drop = on_drop};

/* ---- From it ---- */

static void on_writable(struct ws_conn *conn)
{
        client_writable(client_of(conn));
}

static void on_heard(struct ws_conn *conn)
{
        client_heard(client_of(conn));
}

static void on_closed(struct ws_conn *conn, unsigned code)
{
        on_drop(client_of(conn));
}

/* ---- Its coming ---- */

static void wish_done(void *op)
{
        client_wish_done(op);
}

static void on_upgraded(struct http_request *r, struct http_tunnel *t, const char *early, size_t n)
{
        struct notifier *d = http_request_context(r);
        struct ws_client *w = new0(struct ws_client, 1);

        if (!w) {
                http_tunnel_close(t);
                return;
        }
        w->handler = (struct ws_conn_handler){
                .message_max = d->conf->notifier.message_max,
                .writable = on_writable,
                .heard = on_heard,
                .closed = on_closed,
        };
        if (ws_conn_open(&w->conn, service_loop(d->service), t, early, n, &w->handler) < 0) {
                free(w);
                return;
        }
        client_open(&w->client, d, &ops, http_request_slot(r));
}

int stream_api_ws(struct http_request *r)
{
        struct client_wish *wish = http_request_op(r, sizeof(*wish), wish_done);
        int k;

        if (!wish)
                return -ENOMEM;
        k = stream_wish(r, wish);
        if (k == 0)
                k = ws_handshake(r, STREAM_SUBPROTOCOL);
        if (k == 0)
                k = http_reply_upgrade(r, "websocket", on_upgraded);
        return k < 0 ? k : 0;
}
