/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */
#include "cli/cli_address.h"

#include <errno.h>
#include <netdb.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "base/alloc.h"
#include "base/fd.h"
#include "base/str.h"

int cli_address_parse(struct cli_address *ret, const char *text)
{
        const char *colon, *end;

        if (*text == '[') {
                end = strchr(++text, ']');
                colon = end && end[1] == ':' ? end + 1 : NULL;
        } else {
                end = colon = strrchr(text, ':');
        }
        if (!end || end == text || !colon || !colon[1])
                return -EINVAL;
        ret->host = memdup_str(text, (size_t)(end - text));
        ret->port = strdup(colon + 1);
        return ret->host && ret->port ? 0 : -ENOMEM;
}

void cli_address_done(struct cli_address *a)
{
        free(a->host);
        free(a->port);
        *a = (struct cli_address){0};
}

int cli_address_connect(const struct cli_address *a, const char **ret_reason)
{
        const struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_ADDRCONFIG};
        struct addrinfo *found = NULL;
        int r, fd = -1;

        r = getaddrinfo(a->host, a->port, &hints, &found);
        if (r != 0) {
                *ret_reason = gai_strerror(r);
                return -EHOSTUNREACH;
        }
        r = -EHOSTUNREACH;
        for (const struct addrinfo *i = found; i && fd < 0; i = i->ai_next) {
                fd = socket(i->ai_family, i->ai_socktype | SOCK_CLOEXEC, i->ai_protocol);
                r = fd >= 0 && connect(fd, i->ai_addr, i->ai_addrlen) == 0 ? 0 : -errno;
                if (r < 0)
                        fd = fd_close(fd);
        }
        freeaddrinfo(found);
        *ret_reason = r < 0 ? strerror(-r) : "";
        return r < 0 ? r : fd;
}
