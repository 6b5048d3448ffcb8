/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */

/* A request as it comes in.
 *
 * A unary or server-streaming call gathers its one message and runs when the client has ended. A streaming
 * one runs after its headers; messages are handed on one by one, and while its handler pauses the windows are
 * not given back, so that HTTP/2 stops the client. */

#include <errno.h>
#include <string.h>

#include "base/str.h"
#include "rpc/rpc_internal.h"

/* ---- metadata ---- */

static bool is_name(const char *name, size_t size, const char *wanted)
{
        return size == strlen(wanted) && memcmp(name, wanted, size) == 0;
}

static void take_pseudo(struct rpc_call *c, const char *name, size_t name_size, const char *value)
{
        if (is_name(name, name_size, ":path"))
                c->path = value;
        else if (is_name(name, name_size, ":method"))
                c->verb = value;
}

static void take_header(struct rpc_call *c, struct rpc_header *h)
{
        h->next = c->headers;
        c->headers = h;
        c->n_headers++;
        if (streq(h->name, "content-type"))
                c->content_type = h->value;
        else if (streq(h->name, "x-request-id") && id_is_valid(h->value))
                memcpy(c->id, h->value, strlen(h->value) + 1);
        else if (streq(h->name, "forwarded") || startswith(h->name, "x-forwarded-"))
                c->is_forwarded = true;
}

void rpc_receive_header(struct rpc_call *c, const uint8_t *name, size_t name_size, const uint8_t *value,
                        size_t value_size)
{
        struct rpc_header *h;

        c->header_bytes += name_size + value_size + RPC_HEADER_OVERHEAD;
        if (c->header_bytes > RPC_METADATA_MAX || c->n_headers == RPC_METADATA_COUNT_MAX)
                c->is_too_large = true;
        if (c->is_too_large)
                return;
        if (name_size > 0 && name[0] == ':') {
                take_pseudo(c, (const char *)name, name_size, arena_memdup_str(&c->arena, value, value_size));
                return;
        }
        h = rpc_header_new(&c->arena, name, name_size, value, value_size);
        if (h)
                take_header(c, h);
        else
                c->is_too_large = true;
}

/* False: answered. */
static bool check_protocol(struct rpc_call *c)
{
        if (c->is_too_large)
                rpc_call_problem(c, 431, "headers-too-large",
                                 "metadata takes more than %u bytes or %u entries", RPC_METADATA_MAX,
                                 RPC_METADATA_COUNT_MAX);
        else if (!c->verb || !streq(c->verb, "POST"))
                rpc_answer_http(c, "405");
        else if (!c->content_type || !grpc_content_type_is_ours(c->content_type))
                rpc_answer_http(c, "415");
        else
                return true;
        return false;
}

static bool check_encoding(struct rpc_call *c)
{
        const char *encoding = rpc_call_header(c, "grpc-encoding");

        if (!encoding || streq(encoding, "identity"))
                return true;
        rpc_call_add_trailer(c, "grpc-accept-encoding", "identity", strlen("identity"));
        rpc_call_finish(c, GRPC_UNIMPLEMENTED, "compression is not offered");
        return false;
}

static bool check_timeout(struct rpc_call *c)
{
        const char *text = rpc_call_header(c, "grpc-timeout");
        usec_t timeout = c->method->kind == RPC_UNARY ? c->server->conf->call_timeout_usec : USEC_INFINITY;

        if (text && grpc_timeout_decode(text, &timeout) < 0) {
                rpc_call_problem(c, 400, "bad-timeout",
                                 "grpc-timeout is at most eight digits and one of HMSmun");
                return false;
        }
        c->deadline_usec = usec_add(c->start_usec, timeout);
        return true;
}

static bool check_limits(struct rpc_call *c)
{
        struct rpc_server *s = c->server;

        if (s->is_stopping || (s->drain_usec != 0 && c->method->flags & RPC_METHOD_ENDLESS)) {
                rpc_call_error(c, -ECANCELED);
                return false;
        }
        if (s->metrics.n_open <= s->conf->calls_max || rpc_call_is_quiet(c))
                return true;
        s->metrics.n_refused++;
        rpc_call_error(c, -EBUSY);
        return false;
}

static bool find_method(struct rpc_call *c)
{
        struct map_entry *e = c->path ? map_get(&c->server->methods, c->path) : NULL;

        if (!e) {
                rpc_call_finish(c, GRPC_UNIMPLEMENTED, "there is no such method here");
                return false;
        }
        c->method = container_of(e, struct rpc_entry, entry)->method;
        return true;
}

void rpc_receive_headers_end(struct rpc_call *c)
{
        c->has_headers = true;
        if (!check_protocol(c) || !find_method(c) || !check_encoding(c) || !check_timeout(c) ||
            !check_limits(c))
                return;
        if (!rpc_call_is_quiet(c)) {
                c->has_hold = true;
                service_hold(c->server->service);
        }
        rpc_server_alarm(c->server, rpc_call_due(c));
        if (c->method->kind == RPC_STREAM)
                rpc_call_start(c);
}

/* ---- messages ---- */

void rpc_receive_consume(struct rpc_call *c, size_t n)
{
        if (n == 0 || !c->connection || !c->connection->session)
                return;
        (void)nghttp2_session_consume(c->connection->session, c->stream_id, n);
        rpc_server_schedule(c->server, c->connection);
}

static size_t message_max(const struct rpc_call *c)
{
        return c->method->message_max > 0 ? c->method->message_max : RPC_MESSAGE_MAX;
}

/* What a broken message is called. */
static void refuse_message(struct rpc_call *c, int error)
{
        switch (error) {
        case -EILSEQ:
                rpc_call_problem(c, 400, "bad-message",
                                 "a string of the message is no UTF-8, or holds a NUL");
                break;
        case -ELOOP:
                rpc_call_problem(c, 400, "bad-message", "the message is nested too deeply");
                break;
        case -EBADMSG:
                rpc_call_problem(c, 400, "bad-message", "the message is none of the method's type");
                break;
        case -E2BIG:
                rpc_call_problem(c, 413, "body-too-large", "the message unfolds to a multiple of its size");
                break;
        default:
                rpc_call_error(c, error);
        }
}

/* 0; -EAGAIN: not whole yet; -ECANCELED: refused, the call is over. */
static int peek_message(struct rpc_call *c, struct grpc_prefix *ret)
{
        int r = grpc_prefix_decode(buf_bytes(&c->in), buf_size(&c->in), ret);

        if (r == -EAGAIN)
                return r;
        if (r < 0)
                rpc_call_problem(c, 400, "bad-message", "a message begins with an unknown flag");
        else if (ret->is_compressed)
                /* compression.md: a flag without an encoding is INTERNAL. */
                rpc_call_finish(c, GRPC_INTERNAL,
                                "a message is flagged as compressed, but grpc-encoding names nothing");
        else if (ret->size > message_max(c))
                rpc_call_problem(c, 413, "body-too-large", "a message here takes at most %zu bytes",
                                 message_max(c));
        else
                return buf_size(&c->in) - GRPC_PREFIX_BYTES < ret->size ? -EAGAIN : 0;
        return -ECANCELED;
}

static int decode_first(struct rpc_call *c, const struct grpc_prefix *prefix, struct ProtobufCMessage **ret)
{
        size_t heap;
        int r = rpc_codec_decode(c->method->request, buf_bytes(&c->in) + GRPC_PREFIX_BYTES, prefix->size, ret,
                                 &heap);

        if (r < 0) {
                refuse_message(c, r);
                return -ECANCELED;
        }
        c->server->metrics.n_messages_in++;
        if (c->method->kind != RPC_STREAM)
                rpc_call_buffer(c, heap);
        return 0;
}

void rpc_receive_data(struct rpc_call *c, const uint8_t *p, size_t n)
{
        struct grpc_prefix prefix;

        if (c->state == RPC_FINISHED) {
                rpc_receive_consume(c, n);
                return;
        }
        c->moved_usec = clock_monotonic_usec();
        if (!rpc_call_may_buffer(c, n)) {
                c->server->metrics.n_refused++;
                rpc_receive_consume(c, n);
                rpc_call_problem(c, 429, "overloaded", "too many bytes of unfinished messages");
                return;
        }
        buf_append(&c->in, p, n);
        if (buf_error(&c->in) < 0) {
                rpc_receive_consume(c, n);
                rpc_call_error(c, -ENOMEM);
                return;
        }
        rpc_call_buffer(c, n);
        c->unconsumed += n;
        if (c->method->kind == RPC_STREAM) {
                rpc_receive_messages(c);
                return;
        }
        rpc_receive_consume(c, c->unconsumed);
        c->unconsumed = 0;
        if (peek_message(c, &prefix) == 0 && buf_size(&c->in) > GRPC_PREFIX_BYTES + prefix.size)
                rpc_call_finish(c, GRPC_UNIMPLEMENTED, "this method takes one message");
}

/* True: the handler wants to go on. */
static bool hand_on(struct rpc_call *c, const struct grpc_prefix *prefix)
{
        struct ProtobufCMessage *m;
        size_t n = GRPC_PREFIX_BYTES + prefix->size;
        int r;

        if (decode_first(c, prefix, &m) < 0)
                return false;
        buf_consume(&c->in, n);
        if (buf_size(&c->in) == 0)
                buf_done(&c->in);
        rpc_call_unbuffer(c, n);
        c->is_paused = true; /* resuming in the middle means "go on" */
        r = c->method->message(c, m);
        rpc_codec_free(m);
        if (c->state == RPC_FINISHED)
                return false;
        if (r < 0) {
                rpc_call_error(c, r);
                return false;
        }
        c->is_paused = c->is_paused && r == 1;
        return !c->is_paused;
}

static void end_messages(struct rpc_call *c)
{
        if (c->was_ended || !c->has_ended)
                return;
        if (buf_size(&c->in) > 0) {
                rpc_call_problem(c, 400, "bad-message", "the request ended within a message");
                return;
        }
        c->was_ended = true;
        if (c->method->ended)
                c->method->ended(c);
}

void rpc_receive_messages(struct rpc_call *c)
{
        struct grpc_prefix prefix;

        if (!c->is_passed || c->is_reading)
                return;
        c->is_reading = true;
        while (c->state != RPC_FINISHED && !c->is_paused && peek_message(c, &prefix) == 0)
                if (!hand_on(c, &prefix))
                        break;
        c->is_reading = false;
        if (c->state == RPC_FINISHED || c->is_paused)
                return;
        rpc_receive_consume(c, c->unconsumed);
        c->unconsumed = 0;
        end_messages(c);
}

void rpc_receive_end(struct rpc_call *c)
{
        struct grpc_prefix prefix;
        int r;

        c->has_ended = true;
        if (c->state == RPC_FINISHED)
                return;
        if (c->method->kind == RPC_STREAM) {
                rpc_receive_messages(c);
                return;
        }
        if (buf_size(&c->in) == 0) {
                /* statuscodes.md: another number of messages than one is UNIMPLEMENTED. */
                rpc_call_finish(c, GRPC_UNIMPLEMENTED, "this method takes one message");
                return;
        }
        r = peek_message(c, &prefix);
        if (r == -EAGAIN)
                rpc_call_problem(c, 400, "bad-message", "the request ended within a message");
        if (r < 0 || decode_first(c, &prefix, &c->request) < 0)
                return;
        rpc_call_unbuffer(c, buf_size(&c->in));
        buf_done(&c->in);
        rpc_call_start(c);
}
