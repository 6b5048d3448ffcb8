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

/* 0; -EINVAL; -ENOMEM. */
static int parse(struct cli_address *ret, const char *text)
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

static int trust(struct cli_address *a, const struct cli *cli)
{
        const char *ca_file = cli_option(cli, "ca-file");
        int r = net_tls_client_new(&a->tls, a->host, ca_file);

        return r < 0 ? cli_fail(CLI_FAILED, "cannot use the authority %s: %s", ca_file ? ca_file : "",
                                strerror(-r))
                     : CLI_OK;
}

int cli_address_read(struct cli_address *ret, const struct cli *cli, const struct cli_tcp_door *door)
{
        const char *text = cli_option(cli, door->option), *secure, *plain;
        int r;

        if (!text)
                text = getenv(door->variable);
        if (!text || !*text)
                text = door->fallback;
        secure = startswith(text, door->secure);
        plain = startswith(text, door->plain);
        *ret = (struct cli_address){.text = text};
        r = parse(ret, secure ? secure : plain ? plain : text);
        if (r < 0)
                return r == -EINVAL ? cli_fail(CLI_USAGE, "%s is at HOST:PORT or %sHOST:PORT, not '%s'",
                                               door->name, door->secure, text)
                                    : cli_fail(CLI_FAILED, "out of memory");
        return secure ? trust(ret, cli) : CLI_OK;
}

void cli_address_done(struct cli_address *a)
{
        net_tls_free(a->tls);
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
                r = fd >= 0 && connect(fd, i->ai_addr, i->ai_addrlen) == 0 ? fd_set_nonblock(fd) : -errno;
                if (r < 0)
                        fd = fd_close(fd);
        }
        freeaddrinfo(found);
        *ret_reason = r < 0 ? strerror(-r) : "";
        return r < 0 ? r : fd;
}
