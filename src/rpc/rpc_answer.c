/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */

/* Answers: initial metadata with the first message, messages as HTTP/2 lets them go, trailers. What ends
 * without a message is one HEADERS frame ("Trailers-Only").
 *
 * Messages wait in the call's buffer, from which nghttp2 takes them; when it finds none, it forgets the
 * stream (DEFERRED) until it is reminded. */

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/str.h"
#include "contract/problem.h"
#include "rpc/rpc_internal.h"
#include "service/log.h"

#define OUT_HEADERS_MAX 16 /* of one kind, that a handler adds */
#define FIXED_HEADERS 5

struct fields {
        nghttp2_nv nv[FIXED_HEADERS + 2 * OUT_HEADERS_MAX];
        size_t n;
};

static void put(struct fields *f, const char *name, const char *value, uint8_t flags)
{
        if (f->n < ARRAY_SIZE(f->nv))
                f->nv[f->n++] = (nghttp2_nv){
                        .name = (uint8_t *)name,
                        .value = (uint8_t *)value,
                        .namelen = strlen(name),
                        .valuelen = strlen(value),
                        .flags = flags,
                };
}

static void put_list(struct fields *f, const struct rpc_header *list)
{
        for (; list; list = list->next)
                put(f, list->name, list->value, NGHTTP2_NV_FLAG_NO_INDEX);
}

static void put_initial(struct fields *f, const struct rpc_call *c)
{
        put(f, ":status", "200", NGHTTP2_NV_FLAG_NONE);
        put(f, "content-type", "application/grpc", NGHTTP2_NV_FLAG_NONE);
        put(f, "x-request-id", c->id, NGHTTP2_NV_FLAG_NO_INDEX);
        put_list(f, c->out_headers);
}

static void put_trailers(struct fields *f, const struct rpc_call *c, char code[12])
{
        (void)snprintf(code, 12, "%d", (int)c->code);
        put(f, "grpc-status", code, NGHTTP2_NV_FLAG_NONE);
        if (c->detail)
                put(f, "grpc-message", c->detail, NGHTTP2_NV_FLAG_NO_INDEX);
        put_list(f, c->trailers);
}

/* Called while frames are made; nothing of the session but the trailers may be touched. */
static ssize_t on_read(nghttp2_session *session, int32_t stream_id, uint8_t *p, size_t n, uint32_t *flags,
                       nghttp2_data_source *source, void *userdata)
{
        struct rpc_call *c = source->ptr;
        size_t k = MIN_OF(n, buf_size(&c->out));

        if (k > 0) {
                memcpy(p, buf_bytes(&c->out), k);
                buf_consume(&c->out, k);
                rpc_call_unbuffer(c, k);
                c->moved_usec = clock_monotonic_usec();
        }
        if (buf_size(&c->out) == 0)
                buf_done(&c->out);
        if (c->wants_writable && buf_size(&c->out) < RPC_LOW_WATER)
                rpc_server_wake(c);
        if (buf_size(&c->out) == 0 && c->state == RPC_FINISHED) {
                struct fields f = {.n = 0};
                char code[12];

                put_trailers(&f, c, code);
                *flags |= NGHTTP2_DATA_FLAG_EOF | NGHTTP2_DATA_FLAG_NO_END_STREAM;
                if (nghttp2_submit_trailer(session, stream_id, f.nv, f.n) < 0)
                        return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
        } else if (k == 0) {
                c->is_deferred = true;
                return NGHTTP2_ERR_DEFERRED;
        }
        return (ssize_t)k;
}

/* Lets what is new in the call go out. */
static void push(struct rpc_call *c)
{
        nghttp2_session *session = c->connection->session;
        const nghttp2_data_provider provider = {.source = {.ptr = c}, .read_callback = on_read};
        bool is_bare = c->state == RPC_FINISHED && buf_size(&c->out) == 0 && c->code != GRPC_OK;
        struct fields f = {.n = 0};
        char code[12];
        int r = 0;

        if (c->is_submitted) {
                if (c->is_deferred)
                        r = nghttp2_session_resume_data(session, c->stream_id);
                c->is_deferred = false;
        } else {
                c->is_submitted = true;
                put_initial(&f, c);
                if (is_bare)
                        put_trailers(&f, c, code);
                r = nghttp2_submit_response(session, c->stream_id, f.nv, f.n, is_bare ? NULL : &provider);
        }
        if (r < 0)
                rpc_answer_reset(c, GRPC_INTERNAL);
        rpc_server_schedule(c->server, c->connection);
}

/* FINISHED, with whatever it had not read. */
static void close_call(struct rpc_call *c, enum grpc_code code)
{
        c->state = RPC_FINISHED;
        c->code = code;
        c->moved_usec = clock_monotonic_usec();
        rpc_receive_consume(c, c->unconsumed);
        c->unconsumed = 0;
        rpc_call_unbuffer(c, buf_size(&c->in));
        buf_done(&c->in);
        rpc_server_settle(c);
        rpc_server_alarm(c->server, rpc_call_due(c));
}

void rpc_answer_reset(struct rpc_call *c, enum grpc_code code)
{
        if (c->state != RPC_FINISHED)
                close_call(c, code);
        if (!c->connection || c->is_ended)
                return;
        c->is_ended = true;
        (void)nghttp2_submit_rst_stream(c->connection->session, NGHTTP2_FLAG_NONE, c->stream_id,
                                        NGHTTP2_CANCEL);
        rpc_server_schedule(c->server, c->connection);
}

void rpc_answer_http(struct rpc_call *c, const char *status)
{
        struct fields f = {.n = 0};

        close_call(c, GRPC_UNKNOWN);
        c->is_submitted = true;
        put(&f, ":status", status, NGHTTP2_NV_FLAG_NONE);
        if (streq(status, "405"))
                put(&f, "allow", "POST", NGHTTP2_NV_FLAG_NONE);
        if (nghttp2_submit_response(c->connection->session, c->stream_id, f.nv, f.n, NULL) < 0)
                rpc_answer_reset(c, GRPC_INTERNAL);
        rpc_server_schedule(c->server, c->connection);
}

/* ---- metadata ---- */

static void add(struct rpc_call *c, struct rpc_header **list, const char *name, const void *value,
                size_t size)
{
        struct rpc_header *h = arena_alloc(&c->arena, sizeof(*h));
        struct buf text = BUF_EMPTY;
        size_t n = 0;

        assert(grpc_name_is_valid(name) || streq(name, "grpc-accept-encoding"));
        for (; *list && n < OUT_HEADERS_MAX; list = &(*list)->next)
                n++;
        if (!h || n == OUT_HEADERS_MAX)
                return;
        if (grpc_name_is_binary(name))
                grpc_base64_encode(&text, value, size);
        else
                buf_append(&text, value, size);
        *h = (struct rpc_header){
                .name = arena_strdup(&c->arena, name),
                .value = buf_error(&text) < 0
                                 ? NULL
                                 : arena_memdup_str(&c->arena, buf_bytes(&text), buf_size(&text)),
        };
        buf_done(&text);
        if (h->name && h->value)
                *list = h;
}

void rpc_call_add_header(struct rpc_call *c, const char *name, const void *value, size_t size)
{
        add(c, &c->out_headers, name, value, size);
}

void rpc_call_add_trailer(struct rpc_call *c, const char *name, const void *value, size_t size)
{
        add(c, &c->trailers, name, value, size);
}

/* ---- messages ---- */

void rpc_call_open(struct rpc_call *c)
{
        if (c->state != RPC_FINISHED && !c->is_submitted)
                push(c);
}

/* The client does not take what waits for it already. */
static int overflow(struct rpc_call *c)
{
        c->server->metrics.n_refused++;
        if (c->is_submitted)
                rpc_answer_reset(c, GRPC_RESOURCE_EXHAUSTED);
        else
                rpc_call_problem(c, 429, "overloaded", "too much of what was asked for waits to be taken");
        return -EPIPE;
}

/* No memory for the message: what was sent before it cannot be followed by a status. */
static int spoil(struct rpc_call *c, size_t waiting)
{
        rpc_call_unbuffer(c, waiting);
        buf_done(&c->out);
        rpc_answer_reset(c, GRPC_RESOURCE_EXHAUSTED);
        return -EPIPE;
}

int rpc_call_send(struct rpc_call *c, const struct ProtobufCMessage *m)
{
        size_t before = buf_size(&c->out), size = rpc_codec_size(m), framed = GRPC_PREFIX_BYTES + size;
        uint8_t prefix[GRPC_PREFIX_BYTES];
        int r;

        if (c->state == RPC_FINISHED)
                return -EPIPE;
        if (size > UINT32_MAX || !rpc_call_may_buffer(c, framed))
                return overflow(c);
        if (!buf_reserve(&c->out, framed))
                return spoil(c, before);
        grpc_prefix_encode((uint32_t)size, prefix);
        buf_append(&c->out, prefix, sizeof(prefix));
        r = rpc_codec_encode(&c->out, m, size);
        if (r < 0)
                return r;
        rpc_call_buffer(c, framed);
        c->server->metrics.n_messages_out++;
        if (before == 0) {
                c->moved_usec = clock_monotonic_usec();
                rpc_server_alarm(c->server, rpc_call_due(c));
        }
        push(c);
        if (buf_size(&c->out) < RPC_HIGH_WATER)
                return 0;
        c->wants_writable = true;
        return 1;
}

/* ---- the end ---- */

static void finish(struct rpc_call *c, enum grpc_code code, struct buf *detail)
{
        struct buf escaped = BUF_EMPTY;

        if (c->state != RPC_FINISHED && buf_size(detail) > 0) {
                buf_append_char(detail, '\0');
                if (!buf_error(detail)) {
                        buf_bytes(detail)[MIN_OF(buf_size(detail) - 1, (size_t)RPC_DETAIL_MAX)] = '\0';
                        grpc_message_encode(&escaped, buf_bytes(detail));
                }
                if (buf_size(&escaped) > 0 && !buf_error(&escaped))
                        c->detail = arena_memdup_str(&c->arena, buf_bytes(&escaped), buf_size(&escaped));
        }
        buf_done(detail);
        buf_done(&escaped);
        if (c->state == RPC_FINISHED)
                return;
        close_call(c, code);
        push(c);
}

void rpc_call_finish(struct rpc_call *c, enum grpc_code code, const char *fmt, ...)
{
        struct buf detail = BUF_EMPTY;
        va_list ap;

        if (fmt) {
                va_start(ap, fmt);
                buf_vprintf(&detail, fmt, ap);
                va_end(ap);
        }
        finish(c, code, &detail);
}

void rpc_call_reply(struct rpc_call *c, const struct ProtobufCMessage *m)
{
        int r = rpc_call_send(c, m);

        if (r < 0 && r != -EPIPE)
                rpc_call_error(c, r);
        else if (r >= 0)
                rpc_call_finish(c, GRPC_OK, NULL);
}

void rpc_call_problem(struct rpc_call *c, unsigned status, const char *slug, const char *fmt, ...)
{
        struct buf detail = BUF_EMPTY;
        va_list ap;

        buf_append_str(&detail, slug);
        if (fmt) {
                buf_append_str(&detail, ": ");
                va_start(ap, fmt);
                buf_vprintf(&detail, fmt, ap);
                va_end(ap);
        }
        finish(c, grpc_code_of_problem(status, slug), &detail);
}

void rpc_call_error(struct rpc_call *c, int error)
{
        const char *slug, *detail;
        unsigned status;

        if (c->state == RPC_FINISHED)
                return;
        status = problem_of_error(error, &slug, &detail);
        if (status == 500) {
                (void)log_write_errno(LOG_ERR, error, __FILE__, __LINE__, LOG_FIELDS({"REQUEST_ID", c->id}),
                                      "gRPC %s failed: %m", c->path ? c->path : "");
                detail = "the journal has more under this x-request-id";
        }
        rpc_call_problem(c, status, slug, "%s", detail);
}
