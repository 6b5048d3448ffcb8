/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */

#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

#include "fuzz.h"
#include "rpc/rpc_client.h"
#include "tests/lib/echo.pb-c.h"

#define BYTES_MAX 65536 /* fits a socket's buffer */

struct run {
        int fd; /* for the client's one connection */
        unsigned n_opened, n_ended;
        struct rpc_ask ask;
};

static int dial(void *context)
{
        struct run *r = context;
        int fd = r->fd;

        r->fd = -ECONNREFUSED;
        return fd;
}

static void on_opened(struct rpc_ask *a)
{
        container_of(a, struct run, ask)->n_opened++;
}

static int on_message(struct rpc_ask *a, const struct ProtobufCMessage *m)
{
        fuzz_check(m != NULL);
        if (a->n_messages % 2 == 0)
                rpc_ask_resume(a); /* in the middle */
        return a->n_messages % 2 == 0;
}

static void on_complete(struct rpc_ask *a)
{
        fuzz_check(a->code >= GRPC_OK && a->code < GRPC_CODES);
        container_of(a, struct run, ask)->n_ended++;
}

/* Whatever a server says, and then hangs up: the ask ends, once. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        Lonja__Test__EchoRequest q = LONJA__TEST__ECHO_REQUEST__INIT;
        struct run r = {.ask = {.method = "/lonja.test.Echo/Many",
                                .response = &lonja__test__echo_response__descriptor,
                                .message_max = 4096,
                                .opened = on_opened,
                                .message = on_message,
                                .complete = on_complete}};
        const struct rpc_client_setup setup = {.dial = dial, .context = &r, .authority = "localhost"};
        struct rpc_client *client = NULL;
        sd_event *loop = NULL;
        int fds[2];

        if (size > BYTES_MAX)
                return 0;
        fuzz_check(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds) == 0);
        r.fd = fds[0];
        fuzz_check(write(fds[1], data, size) == (ssize_t)size && shutdown(fds[1], SHUT_WR) == 0);
        fuzz_check(sd_event_new(&loop) >= 0 && rpc_client_new(&client, loop, &setup) == 0);
        fuzz_check(rpc_ask_submit(&r.ask, client, &q.base) == 0);
        while (r.n_ended == 0)
                fuzz_check(sd_event_run(loop, UINT64_MAX) >= 0);
        fuzz_check(r.n_ended == 1 && r.n_opened <= 1);
        rpc_client_free(client);
        sd_event_unref(loop);
        close(fds[1]);
        return 0;
}
