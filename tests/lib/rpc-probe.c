/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */

/* A daemon of nothing but a gRPC server with methods that tests need and no product has:
 * tests/integration/test_rpc.py and test_rpc_hostile.py.
 *
 *     rpc-probe --config-dir DIR        options in DIR/lonja.conf; sockets "grpc" and "grpcs" as systemd
 * passes them */

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/str.h"
#include "rpc/rpc_server.h"
#include "service/log.h"
#include "service/service.h"
#include "tests/lib/echo.pb-c.h"

#define SMALL_MAX 1024

struct probe_conf {
        struct service_conf service;
        struct rpc_conf rpc;
};

static const struct conf_table tables[] = {
        {service_options, offsetof(struct probe_conf, service)},
        {rpc_options, offsetof(struct probe_conf, rpc)},
        {0},
};

struct probe {
        struct service *service;
        struct rpc_server *server;
        struct net_tls *tls;
        uint64_t n_running, n_told;
};

struct op {
        struct probe *probe;
        struct rpc_call *call;
        struct loop_timer timer;
        uint64_t total;
        uint32_t n, delay_msec;
        uint8_t *payload; /* owned */
};

static const Lonja__Test__EchoRequest *request_of(const struct rpc_call *c)
{
        return (const void *)rpc_call_request(c);
}

static void op_done(void *p)
{
        struct op *op = p;

        loop_timer_done(&op->timer);
        free(op->payload);
        op->probe->n_running--;
        op->probe->n_told++;
}

static struct op *op_new(struct rpc_call *c)
{
        struct op *op = rpc_call_op(c, sizeof(*op), op_done);

        if (!op)
                return NULL;
        op->probe = rpc_call_context(c);
        op->call = c;
        op->probe->n_running++;
        return op;
}

/* ---- unary ---- */

static void answer(struct rpc_call *c)
{
        const Lonja__Test__EchoRequest *q = request_of(c);
        struct op *op = rpc_call_slot(c);
        Lonja__Test__EchoResponse m = LONJA__TEST__ECHO_RESPONSE__INIT;
        const char *echo = rpc_call_header(c, "x-echo");
        size_t size;
        const void *bytes = rpc_call_header_bin(c, "x-echo-bin", &size);

        if (echo)
                rpc_call_add_header(c, "x-echo", echo, strlen(echo));
        if (bytes)
                rpc_call_add_trailer(c, "x-echo-bin", bytes, size);
        if (q->code != 0) {
                rpc_call_finish(c, q->code, q->detail[0] ? "%s" : NULL, q->detail);
                return;
        }
        m.text = q->text;
        m.payload = q->payload;
        if (q->size > 0) {
                op->payload = calloc(q->size, 1);
                m.payload.data = op->payload;
                m.payload.len = q->size;
        }
        rpc_call_reply(c, &m.base);
}

static void on_delay(struct loop_timer *t)
{
        answer(container_of(t, struct op, timer)->call);
}

static int unary_begin(struct rpc_call *c)
{
        const Lonja__Test__EchoRequest *q = request_of(c);
        struct op *op = op_new(c);

        if (!op)
                return -ENOMEM;
        if (q->never)
                return 0;
        if (q->delay_msec > 0)
                return loop_timer_start(&op->timer, service_loop(op->probe->service),
                                        q->delay_msec * USEC_PER_MSEC, on_delay);
        answer(c);
        return 0;
}

/* ---- many ---- */

static void many_writable(struct rpc_call *c)
{
        const Lonja__Test__EchoRequest *q = request_of(c);
        struct op *op = rpc_call_slot(c);
        Lonja__Test__EchoResponse m = LONJA__TEST__ECHO_RESPONSE__INIT;

        m.payload.data = op->payload;
        m.payload.len = q->size;
        while (op->n < q->count) {
                int r;

                m.count = ++op->n;
                r = rpc_call_send(c, &m.base);
                if (r != 0)
                        return;
        }
        if (!q->never)
                rpc_call_finish(c, q->code, q->detail[0] ? "%s" : NULL, q->detail);
}

static int many_begin(struct rpc_call *c)
{
        struct op *op = op_new(c);

        if (!op)
                return -ENOMEM;
        op->payload = calloc(request_of(c)->size + 1, 1);
        if (!op->payload)
                return -ENOMEM;
        many_writable(c);
        return 0;
}

/* ---- gather ---- */

static int stream_begin(struct rpc_call *c)
{
        return op_new(c) ? 0 : -ENOMEM;
}

static void on_gap(struct loop_timer *t)
{
        rpc_call_resume(container_of(t, struct op, timer)->call);
}

static int gather_message(struct rpc_call *c, const struct ProtobufCMessage *base)
{
        const Lonja__Test__EchoRequest *q = (const void *)base;
        struct op *op = rpc_call_slot(c);
        int r;

        op->n++;
        op->total += q->payload.len;
        if (q->code != 0) {
                rpc_call_finish(c, q->code, "%s", q->detail);
                return 0;
        }
        if (q->delay_msec == 0)
                return 0;
        r = loop_timer_start(&op->timer, service_loop(op->probe->service), q->delay_msec * USEC_PER_MSEC,
                             on_gap);
        return r < 0 ? r : 1;
}

static void gather_ended(struct rpc_call *c)
{
        struct op *op = rpc_call_slot(c);
        Lonja__Test__EchoResponse m = LONJA__TEST__ECHO_RESPONSE__INIT;

        m.count = op->n;
        m.total = op->total;
        rpc_call_reply(c, &m.base);
}

/* ---- chat ---- */

static int chat_message(struct rpc_call *c, const struct ProtobufCMessage *base)
{
        const Lonja__Test__EchoRequest *q = (const void *)base;
        struct op *op = rpc_call_slot(c);
        Lonja__Test__EchoResponse m = LONJA__TEST__ECHO_RESPONSE__INIT;
        int r;

        m.text = q->text;
        m.payload = q->payload;
        m.count = ++op->n;
        r = rpc_call_send(c, &m.base);
        return r == -EPIPE ? 0 : r;
}

static void chat_writable(struct rpc_call *c)
{
        rpc_call_resume(c);
}

static void chat_ended(struct rpc_call *c)
{
        rpc_call_finish(c, GRPC_OK, NULL);
}

/* ---- stats ---- */

static int stats_begin(struct rpc_call *c)
{
        const struct probe *p = rpc_call_context(c);
        const struct rpc_metrics *metrics = rpc_server_metrics(p->server);
        Lonja__Test__EchoStats m = LONJA__TEST__ECHO_STATS__INIT;

        m.running = p->n_running;
        m.told = p->n_told;
        m.buffered = metrics->buffered;
        m.connections = metrics->n_connections;
        m.open_calls = metrics->n_open - 1;
        m.punished = metrics->n_punished;
        m.refused = metrics->n_refused;
        rpc_call_reply(c, &m.base);
        return 0;
}

#define REQUEST &lonja__test__echo_request__descriptor
#define RESPONSE &lonja__test__echo_response__descriptor
static const struct rpc_method methods[] = {
        {.name = "/lonja.test.Echo/Unary",
         .kind = RPC_UNARY,
         .request = REQUEST,
         .response = RESPONSE,
         .begin = unary_begin},
        {.name = "/lonja.test.Echo/Small",
         .kind = RPC_UNARY,
         .request = REQUEST,
         .response = RESPONSE,
         .begin = unary_begin,
         .message_max = SMALL_MAX},
        {.name = "/lonja.test.Echo/Many",
         .kind = RPC_SERVER_STREAM,
         .request = REQUEST,
         .response = RESPONSE,
         .begin = many_begin,
         .writable = many_writable,
         .flags = RPC_METHOD_ENDLESS},
        {.name = "/lonja.test.Echo/Gather",
         .kind = RPC_STREAM,
         .request = REQUEST,
         .response = RESPONSE,
         .begin = stream_begin,
         .message = gather_message,
         .ended = gather_ended},
        {.name = "/lonja.test.Echo/Chat",
         .kind = RPC_STREAM,
         .request = REQUEST,
         .response = RESPONSE,
         .begin = stream_begin,
         .message = chat_message,
         .writable = chat_writable,
         .ended = chat_ended},
        {.name = "/lonja.test.Echo/Stats",
         .kind = RPC_UNARY,
         .request = REQUEST,
         .response = &lonja__test__echo_stats__descriptor,
         .begin = stats_begin,
         .flags = RPC_METHOD_QUIET},
        {0},
};
static const struct rpc_method *const lists[] = {methods, rpc_health_methods, rpc_reflection_methods, NULL};

static int listen_on_all(struct probe *p)
{
        const struct listen_set *set = service_listeners(p->service);
        int r = 0;

        for (size_t i = 0; r == 0 && i < set->n_sockets; i++) {
                bool is_tls = streq(set->sockets[i].door->name, "grpcs");

                if (is_tls && !p->tls) {
                        r = net_tls_load(&p->tls);
                        if (r < 0)
                                return r;
                        p->tls->alpn = "h2";
                }
                r = rpc_server_listen(p->server, set->sockets[i].fd, is_tls ? p->tls : NULL);
        }
        return r;
}

static void probe_free(void *daemon)
{
        struct probe *p = daemon;

        if (!p)
                return;
        rpc_server_free(p->server);
        net_tls_free(p->tls);
        free(p);
}

static int probe_start(struct service *service, const void *conf, void **ret_daemon)
{
        const struct probe_conf *c = conf;
        struct probe *p = new0(struct probe, 1);
        int r;

        if (!p)
                return -ENOMEM;
        p->service = service;
        if ((r = rpc_server_new(
                     &p->server, service,
                     &(struct rpc_server_setup){.methods = lists, .context = p, .conf = &c->rpc})) < 0 ||
            (r = listen_on_all(p)) < 0) {
                probe_free(p);
                return log_error_errno(r, "Cannot start: %m");
        }
        *ret_daemon = p;
        return 0;
}

static void probe_drain(void *daemon)
{
        struct probe *p = daemon;

        rpc_server_drain(p->server);
}

int main(int argc, char *argv[])
{
        static const struct listen_door doors[] = {
                {"grpc", LISTEN_STREAM_INET, false}, {"grpcs", LISTEN_STREAM_INET, false}, {NULL}};
        static const struct service_daemon daemon = {
                .word = "rpc-probe",
                .summary = "gRPC methods for tests.",
                .tables = tables,
                .conf_size = sizeof(struct probe_conf),
                .doors = doors,
                .start = probe_start,
                .drain = probe_drain,
                .free = probe_free,
        };

        return service_main(&daemon, argc, argv);
}
