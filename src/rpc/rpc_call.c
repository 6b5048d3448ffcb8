/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */

/* The life of a call; the picture is in rpc_call.h.
 *
 * Three things end it, in this order: it is FINISHED (answered, expired, cancelled); its operation is told,
 * in the task; its stream is closed. A client that leaves closes the stream first, which finishes the call.
 */

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/str.h"
#include "rpc/rpc_internal.h"
#include "service/log.h"
#include "service/log_ids.h"

/* ---- memory ---- */

bool rpc_call_may_buffer(const struct rpc_call *c, size_t n)
{
        size_t mine = c->connection->buffered + n;

        return mine <= RPC_CONNECTION_BUFFERED_MAX &&
               (c->server->metrics.buffered + n <= c->server->conf->buffered_max || mine <= RPC_FAIR_BYTES);
}

void rpc_call_buffer(struct rpc_call *c, size_t n)
{
        c->buffered += n;
        c->server->metrics.buffered += n;
        c->connection->buffered += n;
}

void rpc_call_unbuffer(struct rpc_call *c, size_t n)
{
        assert(c->buffered >= n);
        c->buffered -= n;
        c->server->metrics.buffered -= n;
        if (c->connection)
                c->connection->buffered -= n;
}

/* Unique without a system call for each: a random start, then steps of an odd width through all of 2^64. */
static void make_id(struct rpc_server *s, char out[ID_SIZE])
{
        uint64_t words[2] = {s->id_seed, s->id_last += UINT64_C(0x9e3779b97f4a7c15)};

        hex_encode(words, sizeof(words), out);
}

static struct rpc_call *take_spare(struct rpc_server *s)
{
        struct list_link *link = list_first(&s->spare);

        if (!link)
                return malloc(sizeof(struct rpc_call));
        list_remove(link);
        s->n_spare--;
        return LIST_ENTRY(link, struct rpc_call, link);
}

struct rpc_call *rpc_call_new(struct rpc_connection *connection, int32_t stream_id)
{
        struct rpc_server *s = connection->server;
        struct rpc_call *c = take_spare(s);

        if (!c)
                return NULL;
        memset(c, 0, offsetof(struct rpc_call, slab));
        arena_init(&c->arena, c->slab, sizeof(c->slab));
        c->server = s;
        c->connection = connection;
        c->stream_id = stream_id;
        c->peer = connection->peer;
        c->start_usec = c->moved_usec = clock_monotonic_usec();
        c->deadline_usec = USEC_INFINITY;
        make_id(s, c->id);
        list_append(&s->calls, &c->link);
        list_append(&connection->calls, &c->connection_link);
        connection->n_calls++;
        s->metrics.n_open++;
        return c;
}

struct rpc_call *rpc_call_free(struct rpc_call *c)
{
        struct rpc_server *s = c->server;

        list_remove(&c->link);
        list_remove(&c->awake_link);
        list_remove(&c->over_link);
        arena_done(&c->arena);
        if (s->n_spare < RPC_SPARE_MAX && !s->is_stopping) {
                list_prepend(&s->spare, &c->link);
                s->n_spare++;
        } else
                free(c);
        return NULL;
}

/* ---- ends ---- */

void rpc_call_detach(struct rpc_call *c)
{
        struct rpc_connection *connection = c->connection;

        if (c->state != RPC_FINISHED) {
                c->state = RPC_FINISHED;
                c->code = GRPC_CANCELLED;
        }
        rpc_receive_consume(c, c->unconsumed);
        c->unconsumed = 0;
        rpc_call_unbuffer(c, buf_size(&c->in) + buf_size(&c->out));
        buf_done(&c->in);
        buf_done(&c->out);
        connection->buffered -= c->buffered;
        list_remove(&c->connection_link);
        if (--connection->n_calls == 0)
                connection->quiet_usec = clock_monotonic_usec();
        c->connection = NULL;
        rpc_server_settle(c);
}

static bool is_our_error(const struct rpc_call *c)
{
        return c->is_begun && (c->code == GRPC_UNKNOWN || c->code == GRPC_INTERNAL ||
                               c->code == GRPC_UNAVAILABLE || c->code == GRPC_DATA_LOSS);
}

static void log_done(const struct rpc_call *c, usec_t duration)
{
        bool is_write = c->is_begun && c->method->flags & RPC_METHOD_WRITE && c->code == GRPC_OK;
        int priority = is_write || is_our_error(c) ? LOG_INFO : LOG_DEBUG;
        const char *path = c->path ? c->path : "";
        char usec[24];
        struct log_field fields[8 + RPC_LOG_FIELDS_MAX] = {
                {"MESSAGE_ID", LOG_ID_REQUEST_DONE},
                {"REQUEST_ID", c->id},
                {"METHOD", "gRPC"},
                {"PATH", path},
                {"STATUS", grpc_code_name(c->code)},
                {"DURATION_USEC", usec},
                {"USER_NAME", c->user},
        };

        if (!log_is_enabled(priority))
                return;
        (void)snprintf(usec, sizeof(usec), "%llu", (unsigned long long)duration);
        for (size_t i = 0; i < c->n_log; i++)
                fields[7 + i] = (struct log_field){c->log[i].name, c->log[i].value};
        log_fields(priority, fields, "gRPC %s: %s in %llu.%03llu ms", path, grpc_code_name(c->code),
                   (unsigned long long)duration / 1000, (unsigned long long)duration % 1000);
}

void rpc_call_tell(struct rpc_call *c)
{
        struct rpc_metrics *m = &c->server->metrics;
        usec_t duration = clock_monotonic_usec() - c->start_usec;
        size_t output = buf_size(&c->out);

        if (c->was_told)
                return;
        c->was_told = true;
        if (c->op_done)
                c->op_done(c->op);
        if (c->guard_done)
                c->guard_done(c->guard);
        c->request = rpc_codec_free(c->request);
        rpc_call_unbuffer(c, c->buffered - output); /* what the message took */
        m->n_calls[c->code]++;
        m->n_open--;
        m->duration_sum_usec += duration;
        log_done(c, duration);
        if (c->has_hold)
                service_release(c->server->service);
}

usec_t rpc_call_due(const struct rpc_call *c)
{
        usec_t stalled = usec_add(c->moved_usec, c->server->conf->call_timeout_usec);

        switch (c->state) {
        case RPC_READING:
                return MIN_OF(c->deadline_usec, stalled);
        case RPC_RUNNING:
                return buf_size(&c->out) > 0 ? MIN_OF(c->deadline_usec, stalled) : c->deadline_usec;
        default:
                return c->connection && !c->is_ended ? stalled : USEC_INFINITY;
        }
}

void rpc_call_expire(struct rpc_call *c)
{
        if (c->state == RPC_FINISHED)
                rpc_answer_reset(c, c->code); /* nobody takes the answer */
        else if (c->state == RPC_RUNNING && clock_monotonic_usec() < c->deadline_usec)
                rpc_answer_reset(c, GRPC_RESOURCE_EXHAUSTED); /* nobody reads the stream */
        else
                rpc_call_finish(c, GRPC_DEADLINE_EXCEEDED, "timeout: it took too long");
}

/* ---- starting ---- */

void rpc_call_start(struct rpc_call *c)
{
        c->state = RPC_RUNNING;
        rpc_server_alarm(c->server, c->deadline_usec);
        if (c->server->setup.guard)
                c->server->setup.guard(c);
        else
                rpc_call_pass(c);
}

void rpc_call_pass(struct rpc_call *c)
{
        int r;

        if (c->state != RPC_RUNNING)
                return;
        c->is_begun = true;
        r = c->method->begin(c);
        c->is_passed = true;
        if (r < 0)
                rpc_call_error(c, r);
        else if (c->method->kind == RPC_STREAM)
                rpc_server_wake(c); /* messages that came with the headers */
}

void rpc_call_resume(struct rpc_call *c)
{
        if (c->state == RPC_FINISHED || !c->is_paused)
                return;
        c->is_paused = false;
        rpc_server_wake(c);
}

/* ---- what handlers ask ---- */

void *rpc_call_context(const struct rpc_call *c)
{
        return c->server->setup.context;
}

const struct rpc_method *rpc_call_method(const struct rpc_call *c)
{
        return c->method;
}

static void *zeroed_slot(struct rpc_call *c, size_t size)
{
        void *p = arena_alloc(&c->arena, size);

        return p ? memset(p, 0, size) : NULL;
}

void *rpc_call_op(struct rpc_call *c, size_t size, void (*done)(void *op))
{
        assert(!c->op);
        c->op = zeroed_slot(c, size);
        c->op_done = c->op ? done : NULL;
        return c->op;
}

void *rpc_call_slot(const struct rpc_call *c)
{
        return c->op;
}

void *rpc_call_guard(struct rpc_call *c, size_t size, void (*done)(void *guard))
{
        assert(!c->guard);
        c->guard = zeroed_slot(c, size);
        c->guard_done = c->guard ? done : NULL;
        return c->guard;
}

const struct ProtobufCMessage *rpc_call_request(const struct rpc_call *c)
{
        return c->request;
}

const char *rpc_call_header(const struct rpc_call *c, const char *name)
{
        for (const struct rpc_header *h = c->headers; h; h = h->next)
                if (streq(h->name, name))
                        return h->value;
        return NULL;
}

const void *rpc_call_header_bin(struct rpc_call *c, const char *name, size_t *ret_size)
{
        const char *text = rpc_call_header(c, name);
        uint8_t *bytes;

        if (!text)
                return NULL;
        bytes = arena_alloc(&c->arena, strlen(text) / 4 * 3 + 3);
        if (!bytes || grpc_base64_decode(text, strlen(text), bytes, ret_size) < 0)
                return NULL;
        return bytes;
}

const char *rpc_call_id(const struct rpc_call *c)
{
        return c->id;
}

const struct net_peer *rpc_call_peer(const struct rpc_call *c)
{
        return &c->peer;
}

bool rpc_call_is_forwarded(const struct rpc_call *c)
{
        return c->is_forwarded;
}

usec_t rpc_call_deadline(const struct rpc_call *c)
{
        return c->deadline_usec;
}

void rpc_call_set_identity(struct rpc_call *c, const void *identity)
{
        c->identity = identity;
}

const void *rpc_call_identity(const struct rpc_call *c)
{
        return c->identity;
}

void rpc_call_set_user(struct rpc_call *c, const char *user)
{
        c->user = arena_strdup(&c->arena, user);
}

void rpc_call_log_field(struct rpc_call *c, const char *name, const char *value)
{
        const char *copy;

        if (c->n_log == RPC_LOG_FIELDS_MAX)
                return;
        copy = arena_strdup(&c->arena, value);
        if (!copy)
                return;
        c->log[c->n_log].name = name;
        c->log[c->n_log++].value = copy;
}

bool rpc_call_is_over(const struct rpc_call *c)
{
        return c->state == RPC_FINISHED;
}
