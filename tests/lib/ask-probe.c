/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */

/* The gRPC client by hand: tests/integration/test_rpc_client.py.
 *
 *     ask-probe PORT [CA-FILE]
 *
 * Commands on stdin, a line each; NAME is of the asker's choice:
 *
 *     ask NAME METHOD TIMEOUT_MSEC EVERY COUNT SIZE CODE NEVER DELAY_MSEC    of lonja.test.Echo; EVERY:
 * pauses after so many messages, 0: never resume NAME cancel NAME
 *
 * What comes, on stdout: "NAME opened", "NAME message COUNT SIZE TEXT", "NAME end CODE MESSAGES DETAIL". */

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/fd.h"
#include "base/str.h"
#include "rpc/rpc_client.h"
#include "tests/lib/echo.pb-c.h"

#define ASKS 64
#define NAME_SIZE 16

struct probe_ask {
        char name[NAME_SIZE], method[64];
        unsigned every;
        struct rpc_ask ask;
};

struct probe {
        sd_event *loop;
        struct rpc_client *client;
        uint16_t port;
        struct loop_io input;
        struct buf in;
        struct probe_ask asks[ASKS];
};

static struct probe_ask *find(struct probe *p, const char *name)
{
        for (size_t i = 0; i < ASKS; i++)
                if (streq(p->asks[i].name, name))
                        return &p->asks[i];
        fprintf(stderr, "no ask '%s'\n", name);
        exit(1);
}

/* ---- what comes ---- */

static void on_opened(struct rpc_ask *a)
{
        const char *echo = rpc_ask_header(a, "x-request-id");

        printf("%s opened%s\n", container_of(a, struct probe_ask, ask)->name, echo ? "" : " without id");
}

static int on_message(struct rpc_ask *a, const struct ProtobufCMessage *message)
{
        const Lonja__Test__EchoResponse *m = (const void *)message;
        struct probe_ask *p = container_of(a, struct probe_ask, ask);

        printf("%s message %u %zu %s\n", p->name, m->count, m->payload.len, m->text);
        return p->every > 0 && a->n_messages % p->every == 0;
}

static void on_complete(struct rpc_ask *a)
{
        struct probe_ask *p = container_of(a, struct probe_ask, ask);

        printf("%s end %s %llu %s\n", p->name, grpc_code_name(a->code), (unsigned long long)a->n_messages,
               a->detail);
        p->name[0] = '\0';
}

/* ---- commands ---- */

static void ask(struct probe *p, const char *line)
{
        Lonja__Test__EchoRequest q = LONJA__TEST__ECHO_REQUEST__INIT;
        struct probe_ask *a = find(p, "");
        unsigned timeout_msec, never;

        if (sscanf(line, "ask %15s %63s %u %u %u %u %u %u %u", a->name, a->method, &timeout_msec, &a->every,
                   &q.count, &q.size, &q.code, &never, &q.delay_msec) != 9) {
                fprintf(stderr, "what is '%s'?\n", line);
                exit(1);
        }
        q.never = never != 0;
        q.text = a->name;
        q.detail = "as asked";
        a->ask.method = a->method;
        a->ask.response = &lonja__test__echo_response__descriptor;
        a->ask.timeout_usec = timeout_msec * USEC_PER_MSEC;
        a->ask.opened = on_opened;
        a->ask.message = on_message;
        a->ask.complete = on_complete;
        if (rpc_ask_submit(&a->ask, p->client, &q.base) < 0)
                exit(1);
}

static void take_line(struct probe *p, const char *line)
{
        const char *name;
        struct probe_ask *a;

        if (startswith(line, "ask ")) {
                ask(p, line);
        } else if ((name = startswith(line, "resume "))) {
                rpc_ask_resume(&find(p, name)->ask);
        } else if ((name = startswith(line, "cancel "))) {
                a = find(p, name);
                rpc_ask_cancel(&a->ask);
                a->name[0] = '\0';
        }
}

static void on_input(struct loop_io *io, uint32_t revents)
{
        struct probe *p = container_of(io, struct probe, input);
        char *room = buf_reserve(&p->in, 4096), *end;
        ssize_t n = room ? read(STDIN_FILENO, room, 4096) : -1;

        if (n <= 0) {
                (void)sd_event_exit(p->loop, 0);
                return;
        }
        buf_commit(&p->in, (size_t)n);
        while (buf_size(&p->in) > 0 && (end = memchr(buf_bytes(&p->in), '\n', buf_size(&p->in)))) {
                *end = '\0';
                take_line(p, buf_bytes(&p->in));
                buf_consume(&p->in, (size_t)(end - buf_bytes(&p->in)) + 1);
        }
}

static int dial(void *context)
{
        const struct probe *p = context;
        const struct sockaddr_in address = {
                .sin_family = AF_INET,
                .sin_port = htons(p->port),
                .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
        };
        _cleanup_fd_ int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        int r;

        if (fd < 0)
                return -errno;
        if (connect(fd, (const struct sockaddr *)&address, sizeof(address)) < 0 && errno != EINPROGRESS)
                return -errno;
        r = fd;
        fd = -1;
        return r;
}

int main(int argc, char *argv[])
{
        struct probe *p = new0(struct probe, 1);
        struct net_tls *tls = NULL;
        struct rpc_client_setup setup = {
                .dial = dial, .context = p, .authority = "localhost", .token = "a-token"};

        setvbuf(stdout, NULL, _IOLBF, 0);
        if (!p || argc < 2 || sd_event_new(&p->loop) < 0)
                return 1;
        p->port = (uint16_t)atoi(argv[1]);
        if (argc > 2) {
                if (net_tls_client_new(&tls, "localhost", argv[2]) < 0)
                        return 1;
                tls->alpn = "h2";
                setup.tls = tls;
        }
        if (rpc_client_new(&p->client, p->loop, &setup) < 0 ||
            loop_io_start(&p->input, p->loop, STDIN_FILENO, EPOLLIN, on_input) < 0)
                return 1;
        (void)sd_event_loop(p->loop);
        p->client = rpc_client_free(p->client);
        net_tls_free(tls);
        loop_io_stop(&p->input);
        sd_event_unref(p->loop);
        buf_done(&p->in);
        free(p);
        return 0;
}
