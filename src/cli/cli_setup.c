/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */

/* lonja setup: prepares database and broker, here or elsewhere. It never asks anything. */

#include "cli/cli_setup.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/fd.h"
#include "base/str.h"
#include "cli/cli_fields.h"

#define STATE_DIR "/var/lib/lonja"
#define UNIT_DIR "/etc/systemd/system"
#define MIGRATE_USEC (600 * USEC_PER_SEC)
#define SYSTEMCTL_USEC (20 * USEC_PER_SEC)
#define IF_POSSIBLE_USEC (50 * USEC_PER_SEC) /* the package's trigger waits for 60 s */

static const struct cli_option setup_options[] = {
        {"if-possible", NULL, "do what can be done within a minute, say what is left, exit 0"},
        {"database", "CONNINFO", "the database is there, made by somebody else; libpq's connection string"},
        {"amqp", "URI", "the broker is there, made by somebody else; amqp:// or amqps://, no password"},
        {"passwords", NULL, "read lines from stdin: database=SECRET, amqp=SECRET, bridge=SECRET"},
        {"state-dir", "DIR", "where to record what was made (default " STATE_DIR ")"},
        {"unit-dir", "DIR", "where drop-ins of services go (default " UNIT_DIR ")"},
        {0},
};

/* ---- telling ---- */

static void _printf_(4, 0) tell(struct setup *s, json_t *list, const char *mark, const char *fmt, va_list ap)
{
        char text[512];

        vsnprintf(text, sizeof(text), fmt, ap);
        json_array_append_new(list, json_string(text));
        if (!s->cli->json)
                printf("%s%s\n", mark, text);
}

void setup_did(struct setup *s, const char *fmt, ...)
{
        va_list ap;

        va_start(ap, fmt);
        tell(s, s->done, "", fmt, ap);
        va_end(ap);
}

void setup_left(struct setup *s, const char *fmt, ...)
{
        va_list ap;

        va_start(ap, fmt);
        tell(s, s->left, "left to do: ", fmt, ap);
        va_end(ap);
}

/* ---- the state ---- */

static char *state_path(const struct setup *s)
{
        char *path;

        return asprintf(&path, "%s/setup.state", s->state_dir) < 0 ? NULL : path;
}

void setup_state_save(struct setup *s)
{
        _cleanup_free_ char *path = state_path(s);
        _cleanup_(buf_done) struct buf text = BUF_EMPTY;

        setup_state_format(&s->state, &text);
        buf_append_char(&text, '\0');
        if (!path || buf_error(&text) < 0)
                setup_left(s, "write %s/setup.state: out of memory", s->state_dir);
        else
                (void)setup_file_write(s, path, 0644, buf_bytes(&text));
}

/* One run at a time: the package's trigger and an administrator may meet. */
static int lock_state(struct setup *s)
{
        int fd;

        if (mkdir(s->state_dir, 0755) < 0 && errno != EEXIST)
                return -errno;
        fd = open(s->state_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (fd < 0)
                return -errno;
        if (flock(fd, LOCK_EX | LOCK_NB) < 0) {
                int r = -errno;

                fd_close(fd);
                return r;
        }
        return fd;
}

static int load_state(struct setup *s)
{
        _cleanup_free_ char *path = state_path(s), *text = NULL;
        int r;

        if (!path)
                return -ENOMEM;
        r = setup_file_read(path, &text);
        if (r < 0 && r != -ENOENT)
                return r;
        setup_state_parse(text, &s->state);
        return 0;
}

/* ---- running programs ---- */

static void first_line(const struct buf *text, char why[SETUP_WHY_SIZE])
{
        const char *at = buf_bytes(text) ? buf_bytes(text) : "";

        at += strspn(at, " \t\r\n");
        snprintf(why, SETUP_WHY_SIZE, "%.*s", (int)strcspn(at, "\r\n"), at);
}

int setup_run(struct setup *s, const char *const *argv, const char *user, const char *input,
              usec_t limit_usec, struct buf *output, char why[SETUP_WHY_SIZE])
{
        _cleanup_(buf_done) struct buf own = BUF_EMPTY, errors = BUF_EMPTY;
        usec_t now = clock_monotonic_usec();
        struct cli_child child = {.argv = argv, .user = s->is_trial ? NULL : user, .input = input};
        int r;

        child.limit_usec = now >= s->deadline ? 0 : MIN_OF(limit_usec, s->deadline - now);
        if (!output)
                output = &own;
        r = cli_child_run(&child, output, &errors);
        if (!why)
                return r;
        if (r < 0)
                snprintf(why, SETUP_WHY_SIZE, "%s",
                         r == -ETIME    ? "it did not answer in time"
                         : r == -ENOENT ? "it is not installed"
                                        : strerror(-r));
        else
                first_line(buf_size(&errors) > 1 ? &errors : output, why);
        return r;
}

/* ---- the command ---- */

/* Migrates as everybody does: a program of its own, which is root no longer when it meets the database. */
static void migrate(struct setup *s)
{
        char self[PATH_MAX], why[SETUP_WHY_SIZE];
        const char *argv[] = {self,          "db", "migrate", "--json", s->is_trial ? "--config-dir" : NULL,
                              s->config_dir, NULL};
        _cleanup_(buf_done) struct buf output = BUF_EMPTY;
        ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);

        if (n < 0) {
                setup_left(s, "migrate the database (lonja db migrate): %s", strerror(errno));
                return;
        }
        self[n] = '\0';
        if (setup_run(s, argv, NULL, NULL, MIGRATE_USEC, &output, why) != 0)
                setup_left(s, "migrate the database (lonja db migrate): %s", why);
        else if (!strstr(buf_bytes(&output), "\"applied\":0}"))
                setup_did(s, "migrated the database");
}

/* Credentials and addresses are read when a daemon starts. A sweep that failed for want of what is there now
 * would look like trouble until the next minute. */
static void apply(struct setup *s)
{
        static const char *const reload[] = {"systemctl", "daemon-reload", NULL};
        static const char *const sweep[] = {"systemctl", "--no-block", "start", "lonja-sweep.service", NULL};
        static const char *const restart[] = {"systemctl", "--no-block", "try-restart", "lonja-*.service",
                                              NULL};
        char why[SETUP_WHY_SIZE];

        if (s->is_trial || access("/run/systemd/system", F_OK) < 0)
                return;
        if (s->units_changed && setup_run(s, reload, NULL, NULL, SYSTEMCTL_USEC, NULL, why) != 0)
                setup_left(s, "systemctl daemon-reload: %s", why);
        if ((s->units_changed || s->config_changed) &&
            setup_run(s, restart, NULL, NULL, SYSTEMCTL_USEC, NULL, why) != 0)
                setup_left(s, "systemctl try-restart 'lonja-*.service': %s", why);
        if (json_array_size(s->done) > 0)
                (void)setup_run(s, sweep, NULL, NULL, SYSTEMCTL_USEC, NULL, NULL);
}

static int do_steps(struct setup *s)
{
        bool is_ready = true;
        int r;

        r = setup_passwords_read(s);
        if (r != CLI_OK)
                return r;
        if (s->database_is_ours)
                is_ready = setup_local_database(s);
        setup_write_config(s);
        setup_write_units(s);
        if (is_ready)
                migrate(s);
        /* Last: its tool may take all the time there is, and nothing else needs it. */
        if (s->broker_is_ours)
                setup_local_broker(s);
        apply(s);
        return CLI_OK;
}

static int finish(struct setup *s)
{
        size_t n_left = json_array_size(s->left);

        if (s->cli->json) {
                json_t *answer = json_pack("{s:O, s:O}", "done", s->done, "left", s->left);

                (void)cli_print_json(answer);
                json_decref(answer);
        } else if (n_left > 0) {
                puts("Then run: lonja setup");
        } else if (json_array_size(s->done) == 0) {
                puts("Nothing was to do: Lonja is set up.");
        } else {
                puts("Lonja is set up. `lonja status` tells how everything is.");
        }
        return n_left == 0 || s->deadline != USEC_INFINITY ? CLI_OK : CLI_FAILED;
}

static int run_locked(struct setup *s)
{
        int r;

        r = load_state(s);
        if (r < 0)
                return cli_fail(CLI_FAILED, "cannot read %s/setup.state: %s", s->state_dir, strerror(-r));
        r = setup_choose(s);
        if (r != CLI_OK)
                return r;
        s->done = json_array();
        s->left = json_array();
        r = do_steps(s);
        if (r == CLI_OK)
                r = finish(s);
        json_decref(s->done);
        json_decref(s->left);
        return r;
}

static int run_setup(struct cli *cli)
{
        bool if_possible = cli_option(cli, "if-possible") != NULL;
        struct setup s = {
                .cli = cli,
                .config_dir = cli->config_dir,
                .is_trial = cli->config_dir_given,
                .state_dir = cli_option(cli, "state-dir") ? cli_option(cli, "state-dir") : STATE_DIR,
                .unit_dir = cli_option(cli, "unit-dir") ? cli_option(cli, "unit-dir") : UNIT_DIR,
                .database = cli_option(cli, "database"),
                .amqp = cli_option(cli, "amqp"),
                .deadline = if_possible ? usec_add(clock_monotonic_usec(), IF_POSSIBLE_USEC) : USEC_INFINITY,
        };
        _cleanup_fd_ int lock = -1;
        int r;

        if (geteuid() != 0 && !s.is_trial)
                return cli_fail(CLI_FORBIDDEN, "setup changes the host: run it as root");
        lock = lock_state(&s);
        if (lock < 0)
                r = cli_fail(CLI_FAILED, "%s: %s", s.state_dir,
                             lock == -EWOULDBLOCK ? "another setup is running" : strerror(-lock));
        else
                r = run_locked(&s);
        free(s.conninfo);
        free(s.uri);
        /* a wrong command line is the caller's mistake even so */
        return if_possible && r != CLI_USAGE ? CLI_OK : r;
}

const struct cli_command cli_setup_commands[] = {
        {"setup", NULL, "", 0, 0, "prepares database and broker, here or elsewhere; asks nothing",
         setup_options, run_setup},
        {0},
};
