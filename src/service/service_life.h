/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */
#pragma once

/* Inside service/: the running daemon, and what its command line (service_main.c) prepares for it. */

#include "service/service.h"

struct service_bell {
        struct loop_io io;
        struct service *service; /* borrowed */
        int fd;                  /* borrowed from the listeners */
};

struct service {
        const struct service_daemon *daemon;
        const char *config_dir;
        void *conf;   /* owned */
        void *object; /* the daemon, owned */
        sd_event *loop;
        struct listen_set listeners;
        struct service_bell bells[LISTEN_MAX];
        size_t n_bells;
        size_t n_holds, n_lingers;
        struct loop_task maybe_leave;
        struct loop_timer grace_timer, idle_timer;
        usec_t touched_usec;
        bool quiet, draining, failed;
};

/* Loads and validates. 0; -EINVAL with lines in `messages`; -errno with none. */
int service_read_conf(const struct service_daemon *d, const char *dir, void **ret, struct buf *messages);
void service_free_conf(const struct service_daemon *d, void *conf);
/* One error message for each line. */
void service_log_lines(struct buf *messages);
/* From the event loop to the end; the exit status. */
int service_run(struct service *s);
