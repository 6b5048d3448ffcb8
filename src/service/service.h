/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */
#pragma once

/* The life of a daemon as a systemd service: arguments, configuration, sockets, loop, READY/STOPPING,
 * watchdog, reload, drain, idle exit, doorbell.  A daemon describes itself in one table and main.c hands it
 * over:
 *
 *         int main(int argc, char *argv[]) { return service_main(&products_daemon, argc, argv); }
 *
 * Life:   start -> RUNNING --SIGTERM or idle--> DRAINING --no hold left, or the grace is over--> free, exit 0
 *
 * Leaving (operations.md rule 3): stop watching all listeners, serve what was accepted, STOPPING=1, exit;
 * what sits in a listener's backlog starts the next process.
 *
 * Command line: --check (validate configuration, print file:line of every error, exit 0/1), --config-dir DIR
 * (default SYSCONFDIR/lonja), --defaults (print every option as a file would have it), --version, --help.
 * Exit status: 0; 1 failure; 2 usage; 78 bad configuration. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "service/conf.h"
#include "service/listen.h"
#include "service/loop.h"

struct service;

/* The first member of every daemon's configuration. Section [Service]. */
struct service_conf {
        int log_level;         /* LogLevel=debug|info|notice|warning|err, as LOG_* */
        usec_t idle_exit_usec; /* IdleExitSec=300, 0 = never */
        usec_t drain_usec;     /* DrainSec=20: how long accepted work may take after SIGTERM */
};
extern const struct conf_option service_options[];

struct service_daemon {
        const char *word;    /* "products": configuration, identifier, man page */
        const char *summary; /* one line for --help */
        const struct conf_table *tables;
        size_t conf_size;
        const struct listen_door *doors;
        /* A program that does one thing and leaves, started by its timer: it has the same arguments and
         * configuration, and nothing of what follows `validate`. Returns the exit status. */
        int (*run_once)(const void *conf);
        /* What the tables cannot say. 0, or -EINVAL with lines in messages. May be NULL. */
        int (*validate)(const void *conf, struct buf *messages);
        /* Files of its own beside the configuration, by the same rules. May be NULL. */
        int (*validate_dir)(const char *config_dir, struct buf *messages);
        /* Builds the daemon and starts it on service_listeners(). Logs what it returns. */
        int (*start)(struct service *service, const void *conf, void **ret_daemon);
        /* A new configuration after SIGHUP: adopt what can change at run time. It replaces the old one, which
         * dies after the call. */
        void (*reload)(void *daemon, const void *conf);
        /* The bell rang: look at the queue. It has been drained already. NULL without a bell. */
        void (*ring)(void *daemon);
        /* Stop accepting (do not shutdown() or close listeners), finish what is there, release every hold. */
        void (*drain)(void *daemon);
        /* Accepts NULL and half-built. */
        void (*free)(void *daemon);
};

int service_main(const struct service_daemon *d, int argc, char *argv[]);

/* For daemons and the layers they start: */
sd_event *service_loop(struct service *s);
const struct listen_set *service_listeners(const struct service *s);
bool service_is_draining(const struct service *s);
const char *service_config_dir(const struct service *s);

/* Work in hand: a request, an unconfirmed publish, a non-empty outbox, a watching client. While any is held
 * the idle clock stands still and a drain waits. */
void service_hold(struct service *s);
void service_release(struct service *s);
/* Presence: a connection without a request. A drain waits for it, the idle clock does not. */
void service_linger(struct service *s);
void service_linger_end(struct service *s);
/* Restarts the idle clock. */
void service_touch(struct service *s);

/* STATUS= for systemctl status. */
void service_status(struct service *s, const char *fmt, ...) _printf_(2, 3);
/* The loop must not go on: the process exits 1 after the daemon was freed. */
void service_fail(struct service *s, int error);

/* A secret from $CREDENTIALS_DIRECTORY/lonja_<name> (LoadCredential=lonja:/etc/lonja/credentials/<user>),
 * trailing newline removed. 0; -ENOENT; -errno. The caller frees (sodium_memzero is not needed: the page is a
 * ramfs file anyway). */
int service_credential(const char *name, char **ret);
/* Rings another daemon's doorbell, /run/lonja/<word>.bell ($LONJA_RUNTIME_DIR replaces /run/lonja): one empty
 * datagram, never blocks, nobody listening is no error. */
void service_ring(const char *word);
