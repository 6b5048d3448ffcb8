/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */

/* An ask.
 *
 *     OPEN --stream closed, connection lost, deadline, not understood--> CLOSED --messages taken-->
 * complete() | rpc_ask_cancel(), at any time
 *       +--> forgotten
 *
 * While its handler pauses the window of its stream is not given back, so that HTTP/2 stops the server. */

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/parse.h"
#include "base/str.h"
#include "rpc/rpc_client_internal.h"
#include "rpc/rpc_codec.h"
#include "rpc/rpc_header.h"

#define FIELDS_MAX 9
#define AUTHORIZATION_MAX 1024

/* ---- What comes ---- */

void rpc_ask_wake(struct rpc_ask *a)
{
        if (!list_is_linked(&a->awake_link))
                list_append(&a->client->awake, &a->awake_link);
        rpc_client_schedule(a->client);
}

/* The server's own words, if there are any. */
static void read_detail(struct rpc_ask *a)
{
        const char *message = rpc_ask_header(a, "grpc-message");
        char *text = message ? arena_strdup(&a->arena, message) : NULL;

        a->detail[0] = '\0';
        if (!text)
                return;
        grpc_message_decode(text);
        (void)snprintf(a->detail, sizeof(a->detail), "%s", text);
}

void rpc_ask_close(struct rpc_ask *a, enum grpc_code code, const char *detail)
{
        if (a->is_closed)
                return;
        a->is_closed = true;
        a->rpc_link = NULL;
        if (a->has_status)
                read_detail(a);
        else {
                a->code = a->http_status != 0 && a->http_status != 200 ? grpc_code_of_http(a->http_status)
                                                                       : code;
                (void)snprintf(a->detail, sizeof(a->detail), "%s", detail);
        }
        rpc_ask_wake(a);
}

static void reset_stream(struct rpc_ask *a)
{
        if (!a->rpc_link)
                return;
        (void)nghttp2_session_set_stream_user_data(a->rpc_link->session, a->stream_id, NULL);
        (void)nghttp2_submit_rst_stream(a->rpc_link->session, NGHTTP2_FLAG_NONE, a->stream_id,
                                        NGHTTP2_CANCEL);
        rpc_client_schedule(a->client);
}

/* We end it, whatever the server says. */
static void fail(struct rpc_ask *a, enum grpc_code code, const char *detail)
{
        reset_stream(a);
        buf_done(&a->in);
        a->has_status = false;
        a->http_status = 0;
        if (a->is_closed) {
                a->code = code;
                (void)snprintf(a->detail, sizeof(a->detail), "%s", detail);
        } else
                rpc_ask_close(a, code, detail);
}

void rpc_ask_expire(struct rpc_ask *a)
{
        if (!a->is_closed)
                fail(a, GRPC_DEADLINE_EXCEEDED, "it took too long");
}

static void take_status(struct rpc_ask *a, const char *value)
{
        uint64_t code;

        if (a->has_status)
                return;
        a->has_status = true;
        a->code = parse_u64(value, 0, GRPC_CODES - 1, &code) == 0 ? (enum grpc_code)code : GRPC_UNKNOWN;
}

void rpc_ask_take_header(struct rpc_ask *a, const uint8_t *name, size_t name_size, const uint8_t *value,
                         size_t value_size)
{
        struct rpc_header *h;
        uint64_t number;

        a->header_bytes += name_size + value_size + RPC_HEADER_OVERHEAD;
        h = a->header_bytes <= RPC_METADATA_MAX
                    ? rpc_header_new(&a->arena, name, name_size, value, value_size)
                    : NULL;
        if (!h) {
                fail(a, GRPC_RESOURCE_EXHAUSTED, "the server's metadata are too large");
                return;
        }
        h->next = a->headers;
        a->headers = h;
        if (streq(h->name, ":status") && parse_u64(h->value, 100, 999, &number) == 0)
                a->http_status = (unsigned)number;
        else if (streq(h->name, "grpc-status"))
                take_status(a, h->value);
}

void rpc_ask_take_data(struct rpc_ask *a, const uint8_t *p, size_t n)
{
        a->unconsumed += n;
        buf_append(&a->in, p, n);
        if (buf_error(&a->in) < 0)
                fail(a, GRPC_RESOURCE_EXHAUSTED, "out of memory");
        rpc_ask_wake(a);
}

/* ---- Telling ---- */

/* A whole message: 1, taken off with its prefix once it is decoded; 0: none; -1: failed. */
static int next_message(struct rpc_ask *a, struct ProtobufCMessage **ret)
{
        size_t max = a->message_max > 0 ? a->message_max : RPC_ASK_MESSAGE_MAX, heap;
        struct grpc_prefix prefix;
        int r;

        r = grpc_prefix_decode(buf_bytes(&a->in), buf_size(&a->in), &prefix);
        if (r == -EAGAIN)
                return 0;
        if (r < 0 || prefix.is_compressed) {
                fail(a, GRPC_INTERNAL, "a message of the server is compressed, or none");
                return -1;
        }
        if (prefix.size > max) {
                fail(a, GRPC_RESOURCE_EXHAUSTED, "a message of the server is too large");
                return -1;
        }
        if (buf_size(&a->in) - GRPC_PREFIX_BYTES < prefix.size)
                return 0;
        r = rpc_codec_decode(a->response, buf_bytes(&a->in) + GRPC_PREFIX_BYTES, prefix.size, ret, &heap);
        if (r < 0) {
                fail(a, GRPC_INTERNAL, "a message of the server was not understood");
                return -1;
        }
        buf_consume(&a->in, GRPC_PREFIX_BYTES + prefix.size);
        return 1;
}

/* False: there is no more, or it is forgotten. */
static bool tell_message(struct rpc_ask *a)
{
        struct ProtobufCMessage *m;
        int r;

        if (a->is_paused || next_message(a, &m) <= 0)
                return false;
        a->n_messages++;
        a->is_paused = true; /* resuming in the middle means "go on" */
        r = a->message(a, m);
        rpc_codec_free(m);
        if (!a->client)
                return false;
        a->is_paused = a->is_paused && r == 1;
        return true;
}

static void give_back(struct rpc_ask *a)
{
        if (a->rpc_link && a->unconsumed > 0)
                (void)nghttp2_session_consume_stream(a->rpc_link->session, a->stream_id, a->unconsumed);
        a->unconsumed = 0;
}

static void forget(struct rpc_ask *a)
{
        list_remove(&a->link);
        list_remove(&a->awake_link);
        a->client->n_asks--;
        a->client = NULL;
        a->rpc_link = NULL;
        buf_done(&a->in);
        buf_done(&a->out);
}

static void complete(struct rpc_ask *a)
{
        struct arena arena = a->arena; /* the ask may be submitted again, or freed */

        if (a->code == GRPC_OK && buf_size(&a->in) > 0)
                fail(a, GRPC_INTERNAL, "the answer ended within a message");
        forget(a);
        a->complete(a);
        arena_done(&arena);
}

void rpc_ask_run(struct rpc_ask *a)
{
        if (a->has_headers && !a->was_opened) {
                a->was_opened = true;
                if (a->opened)
                        a->opened(a);
                if (!a->client)
                        return;
        }
        while (tell_message(a))
                ;
        if (!a->client || a->is_paused)
                return;
        give_back(a);
        if (a->is_closed)
                complete(a);
}

/* ---- Asking ---- */

static ssize_t on_read(nghttp2_session *session, int32_t stream_id, uint8_t *p, size_t n, uint32_t *flags,
                       nghttp2_data_source *source, void *userdata)
{
        struct rpc_ask *a = nghttp2_session_get_stream_user_data(session, stream_id);
        size_t k;

        if (!a)
                return NGHTTP2_ERR_DEFERRED; /* cancelled: RST_STREAM is on its way */
        k = MIN_OF(n, buf_size(&a->out));
        memcpy(p, buf_bytes(&a->out), k);
        buf_consume(&a->out, k);
        if (buf_size(&a->out) == 0) {
                buf_done(&a->out);
                *flags |= NGHTTP2_DATA_FLAG_EOF;
        }
        return (ssize_t)k;
}

static void put(nghttp2_nv *fields, size_t *n, const char *name, const char *value, uint8_t flags)
{
        fields[(*n)++] = (nghttp2_nv){
                .name = (uint8_t *)name,
                .value = (uint8_t *)value,
                .namelen = strlen(name),
                .valuelen = strlen(value),
                .flags = flags,
        };
}

static int submit_request(struct rpc_ask *a, struct rpc_link *l)
{
        const struct rpc_client_setup *setup = &l->client->setup;
        const nghttp2_data_provider provider = {.read_callback = on_read};
        char timeout[GRPC_TIMEOUT_SIZE], authorization[AUTHORIZATION_MAX];
        nghttp2_nv fields[FIELDS_MAX];
        size_t n = 0;

        put(fields, &n, ":method", "POST", NGHTTP2_NV_FLAG_NONE);
        put(fields, &n, ":scheme", setup->tls ? "https" : "http", NGHTTP2_NV_FLAG_NONE);
        put(fields, &n, ":path", a->method, NGHTTP2_NV_FLAG_NONE);
        put(fields, &n, ":authority", setup->authority, NGHTTP2_NV_FLAG_NONE);
        put(fields, &n, "te", "trailers", NGHTTP2_NV_FLAG_NONE);
        if (a->timeout_usec > 0) {
                grpc_timeout_encode(a->timeout_usec, timeout);
                put(fields, &n, "grpc-timeout", timeout, NGHTTP2_NV_FLAG_NO_INDEX);
        }
        put(fields, &n, "content-type", "application/grpc", NGHTTP2_NV_FLAG_NONE);
        put(fields, &n, "user-agent", "lonja", NGHTTP2_NV_FLAG_NONE);
        if (setup->token) {
                (void)snprintf(authorization, sizeof(authorization), "Bearer %s", setup->token);
                put(fields, &n, "authorization", authorization, NGHTTP2_NV_FLAG_NO_INDEX);
        }
        a->stream_id = nghttp2_submit_request(l->session, NULL, fields, n, &provider, a);
        return a->stream_id < 0 ? -EIO : 0;
}

static int encode(struct rpc_ask *a, const struct ProtobufCMessage *request)
{
        size_t size = rpc_codec_size(request);
        uint8_t prefix[GRPC_PREFIX_BYTES];
        int r;

        if (size > UINT32_MAX)
                return -EFBIG;
        grpc_prefix_encode((uint32_t)size, prefix);
        buf_append(&a->out, prefix, sizeof(prefix));
        r = rpc_codec_encode(&a->out, request, size);
        return r < 0 ? r : buf_error(&a->out);
}

static void start(struct rpc_ask *a)
{
        struct rpc_link *l;
        int r;

        r = rpc_client_connect(a->client, &l);
        if (r < 0) {
                rpc_ask_close(a, GRPC_UNAVAILABLE, strerror(-r));
                return;
        }
        r = submit_request(a, l);
        if (r < 0) { /* it has used up its streams */
                rpc_link_retire(l);
                rpc_ask_close(a, GRPC_UNAVAILABLE, "the connection takes no more calls");
                return;
        }
        a->rpc_link = l;
        rpc_client_schedule(a->client);
}

int rpc_ask_submit(struct rpc_ask *a, struct rpc_client *c, const struct ProtobufCMessage *request)
{
        int r;

        assert(!a->client && a->message && a->complete);
        if (c->n_asks >= RPC_ASKS_MAX)
                return -EBUSY;
        *a = (struct rpc_ask){
                .method = a->method,
                .response = a->response,
                .timeout_usec = a->timeout_usec,
                .message_max = a->message_max,
                .opened = a->opened,
                .message = a->message,
                .complete = a->complete,
                .deadline_usec = a->timeout_usec > 0 ? usec_add(clock_monotonic_usec(), a->timeout_usec)
                                                     : USEC_INFINITY,
        };
        r = encode(a, request);
        if (r < 0) {
                buf_done(&a->out);
                return r;
        }
        a->client = c;
        c->n_asks++;
        list_append(&c->asks, &a->link);
        if (a->deadline_usec != USEC_INFINITY)
                rpc_client_alarm(c, a->deadline_usec);
        start(a);
        return 0;
}

void rpc_ask_resume(struct rpc_ask *a)
{
        if (!a->client || !a->is_paused)
                return;
        a->is_paused = false;
        rpc_ask_wake(a);
}

void rpc_ask_cancel(struct rpc_ask *a)
{
        if (!a->client)
                return;
        reset_stream(a);
        forget(a);
        a->headers = NULL;
        arena_done(&a->arena);
}

const char *rpc_ask_header(const struct rpc_ask *a, const char *name)
{
        for (const struct rpc_header *h = a->headers; h; h = h->next)
                if (streq(h->name, name))
                        return h->value;
        return NULL;
}
