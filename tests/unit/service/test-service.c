/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

/* The life of a daemon, told from outside.  The test plays systemd: it owns the sockets, hears the
 * notifications and forks a process that is nothing but service_main() around a toy.  The toy speaks lines
 * over its socket: each word is something a daemon may do to its service, answered with a number. */

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/fd.h"
#include "base/str.h"
#include "service/log.h"
#include "service/service.h"

#define PATIENCE_MS 10000 /* how long anything may take on a busy machine before the test gives up */
#define GLIMPSE_MS 100    /* how long to look for what must not happen */

/* ---- the toy ---- */

struct toy_conf {
        struct service_conf service;
        uint64_t number;
};

struct toy {
        struct service *service;
        const struct toy_conf *conf;
        struct loop_io door;
        uint64_t n_rings, n_reloads;
};

struct visitor {
        struct toy *toy;
        int fd;
        struct loop_io io;
};

static const struct conf_option toy_options[] = {
        {.section = "Toy",
         .key = "Number",
         .type = CONF_UINT,
         .offset = offsetof(struct toy_conf, number),
         .fallback = "7",
         .max = 100},
        {0},
};
static const struct conf_table toy_tables[] = {{service_options, 0}, {toy_options, 0}, {0}};
static const struct listen_door toy_doors[] = {
        {"http", LISTEN_STREAM_INET, true},
        {"bell", LISTEN_DATAGRAM, false},
        {0},
};

static int toy_validate(const void *conf, struct buf *messages)
{
        const struct toy_conf *c = conf;

        if (c->number != 13)
                return 0;
        buf_printf(messages, "toy.conf:0: Number= brings bad luck\n");
        return -EINVAL;
}

static uint64_t toy_obey(struct toy *toy, const char *word)
{
        if (streq(word, "hold"))
                service_hold(toy->service);
        else if (streq(word, "release"))
                service_release(toy->service);
        else if (streq(word, "status"))
                service_status(toy->service, "two\nlines");
        else if (streq(word, "fail"))
                service_fail(toy->service, -EIO);
        else if (streq(word, "rings"))
                return toy->n_rings;
        else if (streq(word, "reloads"))
                return toy->n_reloads;
        else if (streq(word, "number"))
                return toy->conf->number;
        return 0;
}

static void on_word(struct loop_io *io, uint32_t revents)
{
        struct visitor *v = container_of(io, struct visitor, io);
        struct toy *toy = v->toy;
        char word[32];
        ssize_t n = recv(v->fd, word, sizeof(word) - 1, 0);
        uint64_t answer;

        if (n > 0) {
                word[n] = '\0';
                answer = toy_obey(toy, word);
                if (send(v->fd, &answer, sizeof(answer), 0) == sizeof(answer))
                        return;
        }
        loop_io_stop(&v->io);
        (void)fd_close(v->fd);
        free(v);
        service_linger_end(toy->service);
}

static void on_knock(struct loop_io *io, uint32_t revents)
{
        struct toy *toy = container_of(io, struct toy, door);
        struct visitor *v = new0(struct visitor, 1);

        v->toy = toy;
        v->fd = accept4(service_listeners(toy->service)->sockets[0].fd, NULL, NULL, SOCK_CLOEXEC);
        (void)loop_io_start(&v->io, service_loop(toy->service), v->fd, EPOLLIN, on_word);
        service_linger(toy->service);
}

static int toy_start(struct service *service, const void *conf, void **ret)
{
        struct toy *toy = new0(struct toy, 1);

        toy->service = service;
        toy->conf = conf;
        *ret = toy;
        return loop_io_start(&toy->door, service_loop(service), service_listeners(service)->sockets[0].fd,
                             EPOLLIN, on_knock);
}

static void toy_reload(void *object, const void *conf)
{
        struct toy *toy = object;

        toy->conf = conf;
        toy->n_reloads++;
}

static void toy_ring(void *object)
{
        struct toy *toy = object;

        toy->n_rings++;
}

static void toy_drain(void *object)
{
        struct toy *toy = object;

        loop_io_stop(&toy->door);
}

static void toy_free(void *object)
{
        struct toy *toy = object;

        if (toy)
                loop_io_stop(&toy->door);
        free(toy);
}

static const struct service_daemon toy_daemon = {
        .word = "toy",
        .summary = "A toy",
        .tables = toy_tables,
        .conf_size = sizeof(struct toy_conf),
        .doors = toy_doors,
        .validate = toy_validate,
        .start = toy_start,
        .reload = toy_reload,
        .ring = toy_ring,
        .drain = toy_drain,
        .free = toy_free,
};

/* ---- what systemd does ---- */

struct host {
        char dir[64];
        int door, bell, notify, errors; /* the sockets, and the daemon's standard error */
        struct sockaddr_in address;
        pid_t pid;
};

static int bind_datagram(const char *dir, const char *name)
{
        struct sockaddr_un address = {.sun_family = AF_UNIX};
        int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);

        (void)snprintf(address.sun_path, sizeof(address.sun_path), "%s/%s", dir, name);
        assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
        return fd;
}

static int host_open(void **state)
{
        struct host *h = new0(struct host, 1);
        socklen_t n = sizeof(h->address);

        (void)snprintf(h->dir, sizeof(h->dir), "/tmp/lonja-test-XXXXXX");
        assert_non_null(mkdtemp(h->dir));
        h->notify = bind_datagram(h->dir, "notify");
        h->bell = bind_datagram(h->dir, "toy.bell");
        h->address.sin_family = AF_INET;
        h->address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        h->door = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        assert_int_equal(bind(h->door, (struct sockaddr *)&h->address, sizeof(h->address)), 0);
        assert_int_equal(listen(h->door, 16), 0);
        assert_int_equal(getsockname(h->door, (struct sockaddr *)&h->address, &n), 0);
        h->errors = -1;
        setenv("LONJA_RUNTIME_DIR", h->dir, 1);
        *state = h;
        return 0;
}

static void host_remove(struct host *h, const char *name)
{
        char path[128];

        (void)snprintf(path, sizeof(path), "%s/%s", h->dir, name);
        (void)unlink(path);
}

static int host_close(void **state)
{
        struct host *h = *state;

        if (h->pid > 0) {
                (void)kill(h->pid, SIGKILL);
                (void)waitpid(h->pid, NULL, 0);
        }
        (void)fd_close(h->door);
        (void)fd_close(h->bell);
        (void)fd_close(h->notify);
        (void)fd_close(h->errors);
        host_remove(h, "notify");
        host_remove(h, "toy.bell");
        host_remove(h, "toy.conf");
        (void)rmdir(h->dir);
        free(h);
        return 0;
}

static void host_configure(struct host *h, const char *text)
{
        char path[128];
        FILE *f;

        (void)snprintf(path, sizeof(path), "%s/toy.conf", h->dir);
        f = fopen(path, "we");
        assert_non_null(f);
        assert_true(fputs(text, f) >= 0);
        assert_int_equal(fclose(f), 0);
}

/* In the child: descriptors 3 and 4 as systemd passes them. `n` of them, so that some can be missing. */
static void become_daemon(struct host *h, int n, const char *argument, int errors)
{
        char notify[128], pid[16], count[4],
                *argv[] = {(char *)"lonja-toy", (char *)"--config-dir", h->dir, (char *)argument, NULL};
        int door = dup(h->door), bell = dup(h->bell), status;

        (void)snprintf(notify, sizeof(notify), "%s/notify", h->dir);
        (void)snprintf(pid, sizeof(pid), "%d", (int)getpid());
        (void)snprintf(count, sizeof(count), "%d", n);
        (void)dup2(errors, STDERR_FILENO);
        (void)dup2(errors, STDOUT_FILENO);
        (void)dup2(door, 100);
        (void)dup2(bell, 101);
        (void)dup2(100, 3);
        (void)dup2(101, 4);
        setenv("NOTIFY_SOCKET", notify, 1);
        setenv("LISTEN_PID", pid, 1);
        if (n > 0) {
                setenv("LISTEN_FDS", count, 1);
                setenv("LISTEN_FDNAMES", n == 2 ? "http:bell" : "http", 1);
        }
        if (getenv("WATCHDOG_USEC"))
                setenv("WATCHDOG_PID", pid, 1);
        status = service_main(&toy_daemon, argument ? 4 : 3, argv);
        (void)fflush(stdout);
        _exit(status);
}

static void host_start(struct host *h, int n_sockets, const char *argument)
{
        int errors[2];

        assert_int_equal(pipe2(errors, O_CLOEXEC), 0);
        (void)fd_close(h->errors);
        h->errors = errors[0];
        (void)fflush(NULL);
        h->pid = fork();
        assert_true(h->pid >= 0);
        if (h->pid == 0)
                become_daemon(h, n_sockets, argument, errors[1]);
        (void)fd_close(errors[1]);
}

static bool is_readable(int fd, int ms)
{
        struct pollfd p = {.fd = fd, .events = POLLIN};

        return poll(&p, 1, ms) > 0;
}

/* Reads notifications until one contains `text`. */
static void host_expect(struct host *h, const char *text)
{
        char message[1024];

        for (;;) {
                ssize_t n;

                if (!is_readable(h->notify, PATIENCE_MS))
                        fail_msg("no notification with %s", text);
                n = recv(h->notify, message, sizeof(message) - 1, 0);
                assert_true(n >= 0);
                message[n] = '\0';
                if (strstr(message, text))
                        return;
        }
}

/* The exit status; what was written to standard error goes to `output`. */
static int host_wait(struct host *h, char output[4096])
{
        size_t n = 0;
        int status;

        for (;;) {
                ssize_t k;

                if (!is_readable(h->errors, PATIENCE_MS))
                        fail_msg("the daemon did not leave");
                k = read(h->errors, output + n, 4095 - n);
                if (k <= 0)
                        break;
                n += (size_t)k;
        }
        output[n] = '\0';
        assert_int_equal(waitpid(h->pid, &status, 0), h->pid);
        h->pid = 0;
        assert_true(WIFEXITED(status));
        return WEXITSTATUS(status);
}

static int knock(struct host *h)
{
        int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

        assert_int_equal(connect(fd, (struct sockaddr *)&h->address, sizeof(h->address)), 0);
        return fd;
}

static uint64_t answer(int fd)
{
        uint64_t number = 0;

        assert_true(is_readable(fd, PATIENCE_MS));
        assert_int_equal(recv(fd, &number, sizeof(number), MSG_WAITALL), sizeof(number));
        return number;
}

static void say(int fd, const char *word)
{
        assert_int_equal(send(fd, word, strlen(word), MSG_NOSIGNAL), strlen(word));
}

static uint64_t ask(int fd, const char *word)
{
        say(fd, word);
        return answer(fd);
}

static bool has_left(struct host *h, int ms)
{
        return is_readable(h->errors, ms);
}

/* ---- the stories ---- */

/* A daemon says that it is ready, serves, and leaves with 0 when told to. */
static void test_start_and_stop(void **state)
{
        struct host *h = *state;
        char output[4096];
        int fd;

        host_start(h, 2, NULL);
        host_expect(h, "READY=1");
        fd = knock(h);
        assert_int_equal(ask(fd, "number"), 7);
        assert_int_equal(ask(fd, "status"), 0);
        host_expect(h, "STATUS=two lines");
        (void)fd_close(fd);
        assert_int_equal(kill(h->pid, SIGTERM), 0);
        host_expect(h, "STOPPING=1");
        assert_int_equal(host_wait(h, output), 0);
        assert_string_equal(output, "");
}

/* While work is held a drain waits; who knocks meanwhile is not refused but served by the next process. */
static void test_drain_loses_nobody(void **state)
{
        struct host *h = *state;
        char output[4096];
        int first, second;

        host_start(h, 2, NULL);
        host_expect(h, "READY=1");
        first = knock(h);
        (void)ask(first, "hold");
        assert_int_equal(kill(h->pid, SIGTERM), 0);
        host_expect(h, "STOPPING=1");
        second = knock(h);
        say(second, "number");
        assert_false(is_readable(second, GLIMPSE_MS));
        assert_false(has_left(h, 0));
        (void)ask(first, "release");
        assert_false(has_left(h, GLIMPSE_MS)); /* the first visitor is still there */
        (void)fd_close(first);
        assert_int_equal(host_wait(h, output), 0);
        host_start(h, 2, NULL);
        assert_int_equal(answer(second), 7);
        (void)fd_close(second);
}

/* The grace ends a drain that somebody holds up. */
static void test_grace(void **state)
{
        struct host *h = *state;
        char output[4096];
        int fd;

        host_configure(h, "[Service]\nDrainSec=50ms\n");
        host_start(h, 2, NULL);
        fd = knock(h);
        (void)ask(fd, "hold");
        assert_int_equal(kill(h->pid, SIGTERM), 0);
        assert_int_equal(host_wait(h, output), 0);
        assert_non_null(strstr(output, "<4>Leaving with work in hand: 1 operations, 1 connections"));
        (void)fd_close(fd);
}

/* Nobody there: the daemon leaves by itself.  Work in hand keeps it, a silent connection does not. */
static void test_idle_exit(void **state)
{
        struct host *h = *state;
        char output[4096];
        int fd;

        host_configure(h, "[Service]\nIdleExitSec=20ms\nDrainSec=20ms\n");
        host_start(h, 2, NULL);
        host_expect(h, "STOPPING=1");
        assert_int_equal(host_wait(h, output), 0);
        assert_non_null(strstr(output, "<6>Idle, leaving"));

        /* long enough for the knock to come in time on a busy machine */
        host_configure(h, "[Service]\nIdleExitSec=1s\nDrainSec=20ms\n");
        host_start(h, 2, NULL);
        fd = knock(h);
        (void)ask(fd, "hold");
        assert_false(has_left(h, 1000 + GLIMPSE_MS));
        (void)ask(fd, "release");
        assert_int_equal(host_wait(h, output), 0);
        (void)fd_close(fd);
}

/* A bell that rang before the start and one that rings later are both heard, and neither is left to ring on.
 */
static void test_bell(void **state)
{
        struct host *h = *state;
        char output[4096];
        int fd;

        for (int i = 0; i < 5; i++)
                service_ring("toy");
        host_start(h, 2, NULL);
        host_expect(h, "READY=1");
        fd = knock(h);
        assert_int_equal(ask(fd, "rings"), 1);
        service_ring("toy");
        while (ask(fd, "rings") < 2)
                ;
        (void)fd_close(fd);
        assert_int_equal(kill(h->pid, SIGTERM), 0);
        assert_int_equal(host_wait(h, output), 0);
        assert_false(is_readable(h->bell, 0));
}

/* Nobody home, or a queue that is full: ringing never blocks and never fails. */
static void test_ring_never_blocks(void **state)
{
        service_ring("nobody");
        service_ring("a-word-so-long-that-no-socket-address-could-ever-hold-the-path-of-its-doorbell-"
                     "not-even-on-a-system-with-generous-limits-as-this-one-has-them");
        for (int i = 0; i < 2000; i++)
                service_ring("toy");
}

/* A good file is adopted; a bad one is logged with file and line, and the old values stay. */
static void test_reload(void **state)
{
        struct host *h = *state;
        char output[4096];
        int fd;

        host_start(h, 2, NULL);
        host_expect(h, "READY=1");
        fd = knock(h);
        host_configure(h, "[Toy]\nNumber=42\n");
        assert_int_equal(kill(h->pid, SIGHUP), 0);
        host_expect(h, "RELOADING=1");
        host_expect(h, "READY=1");
        assert_int_equal(ask(fd, "number"), 42);
        host_configure(h, "[Toy]\nNumber=1000\nNumbre=1\n");
        assert_int_equal(kill(h->pid, SIGHUP), 0);
        host_expect(h, "RELOADING=1");
        host_expect(h, "READY=1");
        assert_int_equal(ask(fd, "number"), 42);
        assert_int_equal(ask(fd, "reloads"), 1);
        (void)fd_close(fd);
        assert_int_equal(kill(h->pid, SIGINT), 0);
        assert_int_equal(host_wait(h, output), 0);
        assert_non_null(strstr(output, "toy.conf:2: Number= must be from 0 to 100\n"));
        assert_non_null(strstr(output, "toy.conf:3: unknown key Numbre= in [Toy]\n"));
}

/* --check tells every error and starts nothing; what only the daemon can judge is judged too. */
static void test_check(void **state)
{
        struct host *h = *state;
        char output[4096];

        host_start(h, 0, "--check");
        assert_int_equal(host_wait(h, output), 0);
        assert_string_equal(output, "");
        host_configure(h, "[Toy]\nNumber=x\n[Tool]\n");
        host_start(h, 0, "--check");
        assert_int_equal(host_wait(h, output), 1);
        assert_non_null(strstr(output, "/toy.conf:2: Number= must be a whole number\n"));
        assert_non_null(strstr(output, "/toy.conf:3: unknown section [Tool]\n"));
        host_configure(h, "[Toy]\nNumber=13\n");
        host_start(h, 0, "--check");
        assert_int_equal(host_wait(h, output), 1);
        assert_string_equal(output, "toy.conf:0: Number= brings bad luck\n");
}

/* Each way not to start has its own exit status. */
static void test_exit_statuses(void **state)
{
        struct host *h = *state;
        char output[4096];

        host_start(h, 0, NULL);
        assert_int_equal(host_wait(h, output), 1);
        assert_non_null(strstr(output, "No socket named \"http\" was passed"));
        host_start(h, 2, "--nonsense");
        assert_int_equal(host_wait(h, output), 2);
        host_start(h, 2, "nonsense");
        assert_int_equal(host_wait(h, output), 2);
        host_start(h, 2, "--help");
        assert_int_equal(host_wait(h, output), 0);
        assert_non_null(strstr(output, "Usage: lonja-toy"));
        host_start(h, 2, "--defaults");
        assert_int_equal(host_wait(h, output), 0);
        assert_string_equal(output,
                            "[Service]\nLogLevel=info\nIdleExitSec=5min\nDrainSec=20s\n\n[Toy]\nNumber=7\n");
        host_start(h, 2, "--version");
        assert_int_equal(host_wait(h, output), 0);
        assert_non_null(strstr(output, "lonja-toy "));
        host_configure(h, "[Toy]\nnonsense\n");
        host_start(h, 2, NULL);
        assert_int_equal(host_wait(h, output), 78);
        assert_non_null(strstr(output, "toy.conf:2: "));
}

/* A daemon that cannot go on is freed and exits with 1. */
static void test_fail(void **state)
{
        struct host *h = *state;
        char output[4096];
        int fd;

        host_start(h, 1, NULL); /* the bell is not required */
        fd = knock(h);
        (void)ask(fd, "fail");
        assert_int_equal(host_wait(h, output), 1);
        assert_non_null(strstr(output, "Input/output error"));
        (void)fd_close(fd);
}

/* The watchdog is petted by the loop itself. */
static void test_watchdog(void **state)
{
        struct host *h = *state;

        setenv("WATCHDOG_USEC", "100000", 1);
        host_start(h, 2, NULL);
        unsetenv("WATCHDOG_USEC");
        host_expect(h, "READY=1");
        host_expect(h, "WATCHDOG=1");
        host_expect(h, "WATCHDOG=1");
}

#define story(test) cmocka_unit_test_setup_teardown(test, host_open, host_close)

int main(void)
{
        const struct CMUnitTest tests[] = {
                story(test_start_and_stop), story(test_drain_loses_nobody),
                story(test_grace),          story(test_idle_exit),
                story(test_bell),           story(test_ring_never_blocks),
                story(test_reload),         story(test_check),
                story(test_exit_statuses),  story(test_fail),
                story(test_watchdog),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
