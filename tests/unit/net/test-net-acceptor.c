/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* in this order */
#include <arpa/inet.h>
#include <cmocka.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/fd.h"
#include "net/net_acceptor.h"

#define CLIENTS_MAX 100

struct fixture {
        struct net_acceptor acceptor;
        sd_event *loop;
        int listener;
        struct sockaddr_in address;
        int clients[CLIENTS_MAX], accepted[CLIENTS_MAX];
        unsigned n_clients, n_accepted;
};

static void on_accepted(struct net_acceptor *a, int fd, const struct net_peer *peer)
{
        struct fixture *f = container_of(a, struct fixture, acceptor);

        assert_true(peer->is_loopback);
        f->accepted[f->n_accepted++] = fd;
}

static int setup(void **state)
{
        struct fixture *f = calloc(1, sizeof(*f));
        socklen_t size = sizeof(f->address);

        f->address.sin_family = AF_INET;
        f->address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        f->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        assert_int_equal(bind(f->listener, (struct sockaddr *)&f->address, size), 0);
        assert_int_equal(listen(f->listener, CLIENTS_MAX), 0);
        assert_int_equal(getsockname(f->listener, (struct sockaddr *)&f->address, &size), 0);
        assert_int_equal(sd_event_new(&f->loop), 0);
        *state = f;
        return 0;
}

static int teardown(void **state)
{
        struct fixture *f = *state;

        net_acceptor_stop(&f->acceptor);
        for (unsigned i = 0; i < f->n_clients; i++)
                (void)fd_close(f->clients[i]);
        for (unsigned i = 0; i < f->n_accepted; i++)
                (void)fd_close(f->accepted[i]);
        (void)fd_close(f->listener);
        (void)sd_event_unref(f->loop);
        free(f);
        return 0;
}

static void start(struct fixture *f, unsigned open_max)
{
        assert_int_equal(net_acceptor_start(&f->acceptor, f->loop, f->listener, false, open_max, on_accepted),
                         0);
}

static void connect_clients(struct fixture *f, unsigned n)
{
        while (n-- > 0) {
                int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

                assert_int_equal(connect(fd, (struct sockaddr *)&f->address, sizeof(f->address)), 0);
                f->clients[f->n_clients++] = fd;
        }
}

/* Runs the loop until nothing is ready. */
static void run(struct fixture *f)
{
        while (sd_event_run(f->loop, 0) > 0)
                continue;
}

static void close_accepted(struct fixture *f)
{
        assert_true(f->n_accepted > 0);
        (void)fd_close(f->accepted[--f->n_accepted]);
        net_acceptor_closed(&f->acceptor);
}

/* Everyone is accepted, with what a connection needs set. */
static void test_accept(void **state)
{
        struct fixture *f = *state;
        int value = 0;
        socklen_t size = sizeof(value);

        start(f, CLIENTS_MAX);
        connect_clients(f, 80);
        run(f);
        assert_int_equal(f->n_accepted, 80);
        assert_true(fcntl(f->accepted[0], F_GETFL) & O_NONBLOCK);
        assert_true(fcntl(f->accepted[0], F_GETFD) & FD_CLOEXEC);
        assert_int_equal(getsockopt(f->accepted[0], IPPROTO_TCP, TCP_NODELAY, &value, &size), 0);
        assert_int_equal(value, 1);
        assert_int_equal(getsockopt(f->accepted[0], SOL_SOCKET, SO_KEEPALIVE, &value, &size), 0);
        assert_int_equal(value, 1);
}

/* At the limit others wait in the backlog; each that goes lets one in; the limit may change. */
static void test_limit(void **state)
{
        struct fixture *f = *state;

        start(f, 2);
        connect_clients(f, 5);
        run(f);
        assert_int_equal(f->n_accepted, 2);
        assert_int_equal(f->acceptor.n_open, 2);
        assert_int_equal(sd_event_run(f->loop, 0), 0);
        close_accepted(f);
        run(f);
        assert_int_equal(f->n_accepted, 2);
        net_acceptor_set_max(&f->acceptor, 3);
        run(f);
        assert_int_equal(f->n_accepted, 3);
        net_acceptor_set_max(&f->acceptor, 1);
        close_accepted(f);
        run(f);
        assert_int_equal(f->n_accepted, 2);
}

/* Stopped, it touches the listener no more: whoever comes waits for the next process. */
static void test_stop(void **state)
{
        struct fixture *f = *state;
        int fd;

        start(f, CLIENTS_MAX);
        connect_clients(f, 1);
        run(f);
        net_acceptor_stop(&f->acceptor);
        connect_clients(f, 2);
        run(f);
        assert_int_equal(f->n_accepted, 1);
        close_accepted(f);
        run(f);
        assert_int_equal(f->n_accepted, 0);
        for (unsigned i = 0; i < 2; i++) {
                fd = accept(f->listener, NULL, NULL);
                assert_true(fd >= 0);
                (void)fd_close(fd);
        }
}

/* Without descriptors it pauses instead of spinning or refusing; a second later it goes on. */
static void test_no_descriptors(void **state)
{
        struct fixture *f = *state;
        struct rlimit limit, tight;
        int next;

        start(f, CLIENTS_MAX);
        connect_clients(f, 1);
        next = dup(f->listener);
        (void)fd_close(next);
        assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
        tight = limit;
        tight.rlim_cur = (rlim_t)next;
        assert_int_equal(setrlimit(RLIMIT_NOFILE, &tight), 0);
        run(f);
        assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
        assert_int_equal(f->n_accepted, 0);
        assert_true(loop_timer_is_armed(&f->acceptor.pause));
        assert_null(f->acceptor.io.source);
        loop_timer_stop(&f->acceptor.pause); /* as if the second were over */
        f->acceptor.pause.fire(&f->acceptor.pause);
        run(f);
        assert_int_equal(f->n_accepted, 1);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(test_accept, setup, teardown),
                cmocka_unit_test_setup_teardown(test_limit, setup, teardown),
                cmocka_unit_test_setup_teardown(test_stop, setup, teardown),
                cmocka_unit_test_setup_teardown(test_no_descriptors, setup, teardown),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
