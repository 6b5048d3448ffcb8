/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */

/* A client by server-sent events (the HTML standard, section 9.2): an HTTP answer without an end. */

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

#include "base/str.h"
#include "notifier/notifier.h"
#include "notifier/stream_api.h"

#define MEDIA "text/event-stream"

struct sse_client { /* in the request's op slot */
        struct client client;
        struct client_wish wish;
        struct http_request *request;
        bool has_ended;
};

static struct sse_client *of(struct client *c)
{
        return container_of(c, struct sse_client, client);
}

/* ---- Towards the client ---- */

/* JSON as it is written here has no line breaks. */
static int on_send(struct client *c, struct ws_frame *f, int64_t offset, const char *event)
{
        struct http_request *r = of(c)->request;
        char head[96];
        const char *json;
        size_t size;
        int n, k;

        n = snprintf(head, sizeof(head), "%s%s%sid: %" PRId64 "\ndata: ", event ? "retry: 1000\nevent: " : "",
                     event ? event : "", event ? "\n" : "", offset);
        json = ws_frame_text(f, &size);
        k = http_stream_write(r, head, (size_t)n);
        if (k >= 0)
                k = http_stream_write(r, json, size);
        if (k >= 0)
                k = http_stream_write(r, "\n\n", 2);
        return k != 0;
}

static void on_ping(struct client *c)
{
        static const char comment[] = ":\n\n";

        if (!c->is_blocked)
                (void)http_stream_write(of(c)->request, comment, sizeof(comment) - 1);
}

/* There is no word for why: an end without one is what EventSource comes back from. */
static void on_close(struct client *c, unsigned code, const char *reason)
{
        struct sse_client *s = of(c);

        s->has_ended = true;
        http_stream_end(s->request, true);
}

/* The server ends the answer itself. */
static void on_drop(struct client *c)
{
        client_done(c);
}

static const struct client_ops ops = {.send = on_send, .ping = on_ping, .close = on_close, .drop = on_drop};

/* ---- From it ---- */

static void on_writable(struct http_request *r)
{
        struct sse_client *s = http_request_slot(r);

        client_writable(&s->client);
}

static void on_gone(struct http_request *r)
{
        struct sse_client *s = http_request_slot(r);

        s->has_ended = true;
        client_done(&s->client);
}

static const struct http_stream_handler handler = {.writable = on_writable, .gone = on_gone};

static void sse_client_done(void *op)
{
        struct sse_client *s = op;

        client_done(&s->client);
        client_wish_done(&s->wish);
}

int stream_api_events(struct http_request *r)
{
        struct sse_client *s = http_request_op(r, sizeof(*s), sse_client_done);
        int k;

        if (!s)
                return -ENOMEM;
        s->request = r;
        k = stream_wish(r, &s->wish);
        if (k != 0)
                return k < 0 ? k : 0;
        if (streq(http_request_method(r), "HEAD")) {
                http_reply_text(r, 200, MEDIA, "");
                return 0;
        }
        k = http_reply_stream(r, 200, MEDIA, &handler);
        if (k < 0)
                return k;
        client_open(&s->client, http_request_context(r), &ops, &s->wish);
        return 0;
}
