/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */
#pragma once

/* Sockets passed by systemd (sd_listen_fds_with_names(3)), adopted by FileDescriptorName=. */

#include <stdbool.h>
#include <stddef.h>

enum listen_kind {
        LISTEN_STREAM_INET, /* TCP, v4 or v6 */
        LISTEN_STREAM_UNIX, /* AF_UNIX stream: the admin socket */
        LISTEN_DATAGRAM,    /* AF_UNIX datagram: the doorbell */
};

/* What a daemon accepts; a table ending with name == NULL. Several sockets may carry one name (v4 and v6). */
struct listen_door {
        const char *name; /* "http", "https", "admin", "bell", "tcp", "tcps" */
        enum listen_kind kind;
        bool required;
};

#define LISTEN_MAX 16

struct listen_socket {
        int fd; /* owned, non-blocking, close-on-exec */
        const struct listen_door *door;
};

struct listen_set {
        struct listen_socket sockets[LISTEN_MAX];
        size_t n_sockets;
};

/* Adopts all; a socket of an unknown name or wrong type is closed (counted in *ret_strangers).
 * 0; -ENOENT when a required door is missing (its name in *ret_missing); -errno. */
int listen_set_adopt(struct listen_set *set, const struct listen_door *doors, const char **ret_missing,
                     size_t *ret_strangers);
void listen_set_done(struct listen_set *set);
