/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */

#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <systemd/sd-daemon.h>

#include "base/fd.h"
#include "base/str.h"
#include "service/listen.h"

static bool is_kind(int fd, enum listen_kind kind)
{
        switch (kind) {
        case LISTEN_STREAM_INET:
                return sd_is_socket_inet(fd, AF_UNSPEC, SOCK_STREAM, 1, 0) > 0;
        case LISTEN_STREAM_UNIX:
                return sd_is_socket_unix(fd, SOCK_STREAM, 1, NULL, 0) > 0;
        case LISTEN_DATAGRAM:
                return sd_is_socket_unix(fd, SOCK_DGRAM, -1, NULL, 0) > 0;
        }
        return false;
}

static const struct listen_door *find_door(const struct listen_door *doors, const char *name, int fd)
{
        for (; doors->name; doors++)
                if (streq(doors->name, name))
                        return is_kind(fd, doors->kind) ? doors : NULL;
        return NULL;
}

static bool has_door(const struct listen_set *set, const struct listen_door *door)
{
        for (size_t i = 0; i < set->n_sockets; i++)
                if (set->sockets[i].door == door)
                        return true;
        return false;
}

static void free_names(char ***names)
{
        for (char **n = *names; n && *n; n++)
                free(*n);
        free(*names);
}

int listen_set_adopt(struct listen_set *set, const struct listen_door *doors, const char **ret_missing,
                     size_t *ret_strangers)
{
        _cleanup_(free_names) char **names = NULL;
        size_t strangers = 0;
        int n, r = 0;

        *set = (struct listen_set){0};
        n = sd_listen_fds_with_names(true, &names);
        if (n < 0)
                return n;
        for (int i = 0; i < n; i++) {
                int fd = SD_LISTEN_FDS_START + i;
                const struct listen_door *door = find_door(doors, names[i], fd);

                if (!door || set->n_sockets == LISTEN_MAX) {
                        (void)fd_close(fd);
                        strangers++;
                        continue;
                }
                set->sockets[set->n_sockets++] = (struct listen_socket){fd, door};
                r = fd_set_nonblock(fd);
                if (r < 0)
                        break;
        }
        for (const struct listen_door *door = doors; r == 0 && door->name; door++)
                if (door->required && !has_door(set, door)) {
                        *ret_missing = door->name;
                        r = -ENOENT;
                }
        if (r < 0) {
                listen_set_done(set);
                return r;
        }
        *ret_strangers = strangers;
        return 0;
}

void listen_set_done(struct listen_set *set)
{
        for (size_t i = 0; i < set->n_sockets; i++)
                (void)fd_close(set->sockets[i].fd);
        set->n_sockets = 0;
}
