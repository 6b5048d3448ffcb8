/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */

#include "config.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/str.h"
#include "service/log.h"
#include "service/service_life.h"

/* sysexits(3) and systemd.exec(5) call it CONFIG. */
#define EXIT_CONFIG 78
#define EXIT_USAGE 2

static const char *const level_names[] = {"emerg",  "alert", "crit",  "err", "warning",
                                          "notice", "info",  "debug", NULL};

const struct conf_option service_options[] = {
        {.section = "Service",
         .key = "LogLevel",
         .type = CONF_ENUM,
         .offset = offsetof(struct service_conf, log_level),
         .fallback = "info",
         .names = level_names},
        {.section = "Service",
         .key = "IdleExitSec",
         .type = CONF_USEC,
         .offset = offsetof(struct service_conf, idle_exit_usec),
         .fallback = "5min"},
        {.section = "Service",
         .key = "DrainSec",
         .type = CONF_USEC,
         .offset = offsetof(struct service_conf, drain_usec),
         .fallback = "20s",
         .max = 80 * USEC_PER_SEC}, /* below systemd's TimeoutStopSec=90s */
        {0},
};

struct arguments {
        const char *config_dir;
        bool check;
};

static void print_help(const struct service_daemon *d)
{
        printf("Usage: lonja-%s [OPTION]...\n"
               "%s\n"
               "\n"
               "Started by systemd %s.\n"
               "\n"
               "      --check           validate the configuration and exit\n"
               "      --config-dir=DIR  read the configuration below DIR (default %s)\n"
               "      --defaults        print every option with its default and exit\n"
               "      --help            print this help\n"
               "      --version         print the version\n"
               "\n"
               "See lonja-%s(8) and lonja.conf(5).\n",
               d->word, d->summary,
               d->run_once ? "when its timer elapses" : "when somebody knocks at one of its sockets",
               LONJA_SYSCONFDIR, d->word);
}

/* In file syntax. */
static void print_defaults(const struct conf_table *tables)
{
        const char *section = "";

        for (; tables->options; tables++)
                for (const struct conf_option *o = tables->options; o->key; o++) {
                        if (!streq(section, o->section))
                                printf("%s[%s]\n", *section ? "\n" : "", o->section);
                        printf("%s=%s\n", o->key, o->fallback);
                        section = o->section;
                }
}

/* 0 to go on; 1 when done, with the exit status in *ret_status. */
static int parse_arguments(const struct service_daemon *d, int argc, char *argv[], struct arguments *ret,
                           int *ret_status)
{
        enum { ARG_CHECK = 256, ARG_CONFIG_DIR, ARG_DEFAULTS, ARG_HELP, ARG_VERSION };
        static const struct option options[] = {
                {"check", no_argument, NULL, ARG_CHECK},
                {"config-dir", required_argument, NULL, ARG_CONFIG_DIR},
                {"defaults", no_argument, NULL, ARG_DEFAULTS},
                {"help", no_argument, NULL, ARG_HELP},
                {"version", no_argument, NULL, ARG_VERSION},
                {0},
        };
        int c;

        *ret = (struct arguments){.config_dir = LONJA_SYSCONFDIR};
        *ret_status = EXIT_SUCCESS;
        while ((c = getopt_long(argc, argv, "", options, NULL)) >= 0)
                switch (c) {
                case ARG_CHECK:
                        ret->check = true;
                        break;
                case ARG_CONFIG_DIR:
                        ret->config_dir = optarg;
                        break;
                case ARG_DEFAULTS:
                        print_defaults(d->tables);
                        return 1;
                case ARG_HELP:
                        print_help(d);
                        return 1;
                case ARG_VERSION:
                        printf("lonja-%s %s\n", d->word, PACKAGE_VERSION);
                        return 1;
                default:
                        *ret_status = EXIT_USAGE;
                        return 1;
                }
        if (optind < argc) {
                fprintf(stderr, "lonja-%s: unexpected argument \"%s\"\n", d->word, argv[optind]);
                *ret_status = EXIT_USAGE;
                return 1;
        }
        return 0;
}

void service_free_conf(const struct service_daemon *d, void *conf)
{
        if (!conf)
                return;
        conf_done(d->tables, conf);
        free(conf);
}

int service_read_conf(const struct service_daemon *d, const char *dir, void **ret, struct buf *messages)
{
        void *conf = calloc(1, d->conf_size);
        int r;

        if (!conf)
                return -ENOMEM;
        r = conf_load(dir, d->word, d->tables, conf, messages);
        if (r == 0 && d->validate)
                r = d->validate(conf, messages);
        if (r == 0 && d->validate_dir)
                r = d->validate_dir(dir, messages);
        if (r < 0) {
                service_free_conf(d, conf);
                return r;
        }
        *ret = conf;
        return 0;
}

/* Cuts the next line off the messages; NULL at the end. */
static char *next_line(struct buf *messages)
{
        char *line = buf_bytes(messages), *end = line ? memchr(line, '\n', buf_size(messages)) : NULL;

        if (!end)
                return NULL;
        *end = '\0';
        messages->start += (size_t)(end - line) + 1;
        return line;
}

void service_log_lines(struct buf *messages)
{
        for (char *line; (line = next_line(messages));)
                log_error("%s", line);
}

static int check_conf(const struct service_daemon *d, const char *dir)
{
        struct buf messages = BUF_EMPTY;
        void *conf = NULL;
        int r;

        r = service_read_conf(d, dir, &conf, &messages);
        for (char *line; (line = next_line(&messages));)
                fprintf(stderr, "%s\n", line);
        if (r < 0 && r != -EINVAL)
                fprintf(stderr, "lonja-%s: %s\n", d->word, strerror(-r));
        buf_done(&messages);
        service_free_conf(d, conf);
        return r < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}

static int run(const struct service_daemon *d, const char *config_dir)
{
        struct service s = {.daemon = d, .config_dir = config_dir};
        struct buf messages = BUF_EMPTY;
        int r;

        r = service_read_conf(d, config_dir, &s.conf, &messages);
        if (r < 0) {
                service_log_lines(&messages);
                log_error_errno(r, "The configuration below %s is unusable: %m", config_dir);
                buf_done(&messages);
                return EXIT_CONFIG;
        }
        buf_done(&messages);
        log_set_level(((const struct service_conf *)s.conf)->log_level);
        r = d->run_once ? d->run_once(s.conf) : service_run(&s);
        service_free_conf(d, s.conf);
        return r;
}

int service_main(const struct service_daemon *d, int argc, char *argv[])
{
        struct arguments arguments;
        char identifier[64];
        int status;

        if (parse_arguments(d, argc, argv, &arguments, &status) > 0)
                return status;
        if (arguments.check)
                return check_conf(d, arguments.config_dir);
        (void)snprintf(identifier, sizeof(identifier), "lonja-%s", d->word);
        log_open(identifier);
        return run(d, arguments.config_dir);
}
