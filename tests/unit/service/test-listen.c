/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/str.h"
#include "service/listen.h"
#include "service/service.h"

static const struct listen_door doors[] = {
        {"http", LISTEN_STREAM_INET, true},
        {"admin", LISTEN_STREAM_UNIX, false},
        {"bell", LISTEN_DATAGRAM, false},
        {0},
};

/* A socket of a kind at descriptor `at`, as a service finds it. */
static void put_socket(int at, enum listen_kind kind)
{
        struct sockaddr_in inet = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
        struct sockaddr_un local = {.sun_family = AF_UNIX};
        int fd;

        fd = socket(kind == LISTEN_STREAM_INET ? AF_INET : AF_UNIX,
                    kind == LISTEN_DATAGRAM ? SOCK_DGRAM : SOCK_STREAM, 0);
        if (kind == LISTEN_STREAM_INET)
                (void)bind(fd, (struct sockaddr *)&inet, sizeof(inet));
        else /* the kernel chooses an abstract name */
                (void)bind(fd, (struct sockaddr *)&local, sizeof(local.sun_family));
        if (kind != LISTEN_DATAGRAM)
                (void)listen(fd, 1);
        (void)dup2(fd, 100);
        (void)close(fd);
        (void)dup2(100, at);
        (void)close(100);
}

static void announce(int n, const char *names)
{
        char text[16];

        (void)snprintf(text, sizeof(text), "%d", (int)getpid());
        setenv("LISTEN_PID", text, 1);
        (void)snprintf(text, sizeof(text), "%d", n);
        setenv("LISTEN_FDS", text, 1);
        if (names)
                setenv("LISTEN_FDNAMES", names, 1);
}

/* Descriptors 3 and up are the test driver's here: each story runs in a process of its own, and its number of
 * failures is the exit status. */
static void in_process(int (*story)(void))
{
        int status;
        pid_t pid;

        (void)fflush(NULL);
        pid = fork();
        assert_true(pid >= 0);
        if (pid == 0)
                _exit(story());
        assert_int_equal(waitpid(pid, &status, 0), pid);
        assert_true(WIFEXITED(status));
        assert_int_equal(WEXITSTATUS(status), 0);
}

#define check(condition) (failures += !(condition))

static int adopt_all(void)
{
        const char *missing = NULL;
        struct listen_set set;
        size_t strangers = 9;
        int failures = 0;

        put_socket(3, LISTEN_STREAM_INET);
        put_socket(4, LISTEN_DATAGRAM);
        put_socket(5, LISTEN_STREAM_UNIX);
        put_socket(6, LISTEN_STREAM_INET);
        announce(4, "http:bell:admin:http");
        check(listen_set_adopt(&set, doors, &missing, &strangers) == 0);
        check(set.n_sockets == 4 && strangers == 0 && !missing);
        check(streq(set.sockets[1].door->name, "bell") && set.sockets[1].fd == 4);
        check(streq(set.sockets[3].door->name, "http") && set.sockets[3].fd == 6);
        for (int fd = 3; fd < 7; fd++)
                check((fcntl(fd, F_GETFL) & O_NONBLOCK) && (fcntl(fd, F_GETFD) & FD_CLOEXEC));
        check(!getenv("LISTEN_FDS"));
        listen_set_done(&set);
        check(fcntl(3, F_GETFD) < 0 && fcntl(6, F_GETFD) < 0);
        return failures;
}

/* All sockets are adopted under their names, several of one name too, and are closed in the end. */
static void test_adopt(void **state)
{
        in_process(adopt_all);
}

static int adopt_strangers(void)
{
        const char *missing = NULL;
        struct listen_set set;
        size_t strangers = 0;
        int failures = 0;

        put_socket(3, LISTEN_STREAM_INET);
        put_socket(4, LISTEN_STREAM_INET);
        put_socket(5, LISTEN_STREAM_INET);
        announce(3, "http:bell:gopher");
        check(listen_set_adopt(&set, doors, &missing, &strangers) == 0);
        check(set.n_sockets == 1 && strangers == 2);
        check(fcntl(4, F_GETFD) < 0 && fcntl(5, F_GETFD) < 0);
        listen_set_done(&set);
        return failures;
}

/* A name that nobody knows, or the wrong kind of socket under a known one, is closed and counted. */
static void test_strangers(void **state)
{
        in_process(adopt_strangers);
}

static int adopt_too_many(void)
{
        char names[20 * 5 + 1] = "";
        const char *missing = NULL;
        struct listen_set set;
        size_t strangers = 0;
        int failures = 0;

        for (int i = 0; i < 20; i++) {
                put_socket(3 + i, LISTEN_STREAM_INET);
                (void)snprintf(names + strlen(names), 6, "%shttp", i > 0 ? ":" : "");
        }
        announce(20, names);
        check(listen_set_adopt(&set, doors, &missing, &strangers) == 0);
        check(set.n_sockets == LISTEN_MAX && strangers == 20 - LISTEN_MAX);
        listen_set_done(&set);
        return failures;
}

/* More sockets than there is room for are strangers, not a crash. */
static void test_too_many(void **state)
{
        in_process(adopt_too_many);
}

static int adopt_nothing(void)
{
        const char *missing = NULL;
        struct listen_set set;
        size_t strangers = 0;
        int failures = 0;

        check(listen_set_adopt(&set, doors, &missing, &strangers) == -ENOENT);
        check(missing && streq(missing, "http"));
        put_socket(3, LISTEN_DATAGRAM);
        announce(1, NULL);
        missing = NULL;
        check(listen_set_adopt(&set, doors, &missing, &strangers) == -ENOENT);
        check(missing && streq(missing, "http"));
        check(listen_set_adopt(&set, doors + 1, &missing, &strangers) == 0);
        check(set.n_sockets == 0);
        return failures;
}

/* Started by hand, or without names: the door that is missing is told by name. */
static void test_missing(void **state)
{
        in_process(adopt_nothing);
}

/* A credential is the file's text without its last line break; without a directory there is none. */
static void test_credential(void **state)
{
        char dir[] = "/tmp/lonja-test-XXXXXX", path[128], *text = NULL;
        FILE *f;

        unsetenv("CREDENTIALS_DIRECTORY");
        assert_int_equal(service_credential("amqp.password", &text), -ENOENT);
        assert_non_null(mkdtemp(dir));
        setenv("CREDENTIALS_DIRECTORY", dir, 1);
        assert_int_equal(service_credential("amqp.password", &text), -ENOENT);
        (void)snprintf(path, sizeof(path), "%s/lonja_amqp.password", dir);
        f = fopen(path, "we");
        assert_non_null(f);
        assert_true(fputs("se\ncret \n", f) >= 0);
        assert_int_equal(fclose(f), 0);
        assert_int_equal(service_credential("amqp.password", &text), 0);
        assert_string_equal(text, "se\ncret ");
        free(text);
        assert_int_equal(unlink(path), 0);
        assert_int_equal(rmdir(dir), 0);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_adopt),      cmocka_unit_test(test_strangers),
                cmocka_unit_test(test_too_many),   cmocka_unit_test(test_missing),
                cmocka_unit_test(test_credential),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
