/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */
#include "cli/cli_child.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <poll.h>
#include <pwd.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fd.h"

#define OUTPUT_MAX (1024 * 1024) /* of rabbitmqctl and psql we read lists of names */
#define EXIT_NO_PROGRAM 127      /* as shells say it */

/* A file in memory rather than a pipe: no writer has to wait, nor hear of a reader that is gone. */
static int open_input(const char *text)
{
        _cleanup_fd_ int fd = -1;
        size_t n = text ? strlen(text) : 0;

        if (n == 0) {
                fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
                return fd < 0 ? -errno : TAKE_FD(fd);
        }
        fd = memfd_create("lonja-input", MFD_CLOEXEC);
        if (fd < 0 || write(fd, text, n) != (ssize_t)n || lseek(fd, 0, SEEK_SET) < 0)
                return -errno;
        return TAKE_FD(fd);
}

int cli_become(const struct passwd *user)
{
        if (!user)
                return 0;
        if (initgroups(user->pw_name, user->pw_gid) < 0 ||
            setresgid(user->pw_gid, user->pw_gid, user->pw_gid) < 0 ||
            setresuid(user->pw_uid, user->pw_uid, user->pw_uid) < 0 || setenv("HOME", user->pw_dir, 1) < 0)
                return -errno;
        return 0;
}

/* In the child. What the environment says of database and broker is the caller's, not that of the host. */
static _Noreturn void exec_child(const struct cli_child *c, const struct passwd *user, int in, int out,
                                 int err)
{
        if (setsid() < 0 || cli_become(user) < 0 || prctl(PR_SET_PDEATHSIG, SIGKILL) < 0 || chdir("/") < 0 ||
            dup2(in, STDIN_FILENO) < 0 || dup2(out, STDOUT_FILENO) < 0 || dup2(err, STDERR_FILENO) < 0)
                _exit(EXIT_FAILURE);
        (void)setenv("LC_ALL", "C.UTF-8", 1);
        (void)unsetenv("LONJA_DATABASE");
        (void)unsetenv("LONJA_AMQP_URL");
        (void)execvp(c->argv[0], (char *const *)c->argv);
        _exit(errno == ENOENT ? EXIT_NO_PROGRAM : EXIT_FAILURE);
}

/* True while there may be more. */
static bool read_some(int fd, struct buf *to)
{
        char *room = buf_size(to) < OUTPUT_MAX ? buf_reserve(to, 4096) : NULL;
        ssize_t n;

        if (!room)
                return false;
        n = read(fd, room, 4096);
        if (n > 0)
                buf_commit(to, (size_t)n);
        return n > 0 || (n < 0 && errno == EINTR);
}

static int read_both(int out, int err, usec_t deadline, struct buf *output, struct buf *errors)
{
        struct pollfd fds[] = {{.fd = out, .events = POLLIN}, {.fd = err, .events = POLLIN}};
        struct buf *const to[] = {output, errors};

        while (fds[0].fd >= 0 || fds[1].fd >= 0) {
                usec_t now = clock_monotonic_usec();

                if (now >= deadline)
                        return -ETIME;
                if (poll(fds, ARRAY_SIZE(fds), (int)((deadline - now) / USEC_PER_MSEC) + 1) < 0 &&
                    errno != EINTR)
                        return -errno;
                for (size_t i = 0; i < ARRAY_SIZE(fds); i++)
                        if (fds[i].revents && !read_some(fds[i].fd, to[i]))
                                fds[i].fd = -1;
        }
        return 0;
}

static int wait_child(pid_t pid)
{
        int status;

        while (waitpid(pid, &status, 0) < 0)
                if (errno != EINTR)
                        return -errno;
        if (WIFSIGNALED(status))
                return 128 + WTERMSIG(status);
        return WEXITSTATUS(status) == EXIT_NO_PROGRAM ? -ENOENT : WEXITSTATUS(status);
}

static int pipe_cloexec(int *ret_read, int *ret_write)
{
        int fds[2];

        if (pipe2(fds, O_CLOEXEC) < 0)
                return -errno;
        *ret_read = fds[0];
        *ret_write = fds[1];
        return 0;
}

int cli_child_run(const struct cli_child *c, struct buf *output, struct buf *errors)
{
        _cleanup_fd_ int in = open_input(c->input), out = -1, out_end = -1, err = -1, err_end = -1;
        const struct passwd *user = c->user && geteuid() == 0 ? getpwnam(c->user) : NULL;
        pid_t pid;
        int r, k;

        if (in < 0)
                return in;
        r = pipe_cloexec(&out, &out_end);
        if (r == 0)
                r = pipe_cloexec(&err, &err_end);
        if (r < 0)
                return r;
        pid = fork();
        if (pid < 0)
                return -errno;
        if (pid == 0)
                exec_child(c, user, in, out_end, err_end);
        out_end = fd_close(out_end);
        err_end = fd_close(err_end);
        r = read_both(out, err, usec_add(clock_monotonic_usec(), c->limit_usec), output, errors);
        if (r < 0) /* with all that it started */
                (void)kill(-pid, SIGKILL);
        k = wait_child(pid);
        buf_append_char(output, '\0');
        buf_append_char(errors, '\0');
        if (r == 0 && (buf_error(output) < 0 || buf_error(errors) < 0))
                r = -ENOMEM;
        return r < 0 ? r : k;
}
