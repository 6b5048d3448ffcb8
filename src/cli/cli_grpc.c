/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */
#include "cli/cli_grpc.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/fd.h"
#include "base/str.h"
#include "cli/cli_http.h"

static int dial(void *context)
{
        const struct cli_grpc *g = context;
        const char *reason;
        int fd, r;

        fd = cli_address_connect(&g->address, &reason);
        if (fd < 0)
                return fd;
        r = fd_set_nonblock(fd);
        if (r < 0) {
                (void)fd_close(fd);
                return r;
        }
        return fd;
}

/* "grpcs://HOST:PORT" and the like. */
static int read_address(struct cli_grpc *g, const struct cli *cli)
{
        const char *text = cli_option(cli, "grpc"), *rest, *ca_file = cli_option(cli, "ca-file");
        bool is_tls;
        int r;

        if (!text)
                text = getenv("LONJA_GATEWAY_GRPC");
        g->where = text && *text ? text : CLI_GATEWAY_GRPC;
        rest = startswith(g->where, "grpcs://");
        is_tls = rest;
        if (!rest)
                rest = startswith(g->where, "grpc://");
        r = cli_address_parse(&g->address, rest ? rest : g->where);
        if (r < 0)
                return cli_fail(CLI_USAGE, "gRPC is at HOST:PORT or grpcs://HOST:PORT, not '%s'", g->where);
        if (!is_tls)
                return CLI_OK;
        r = net_tls_client_new(&g->tls, g->address.host, ca_file);
        if (r < 0)
                return cli_fail(CLI_FAILED, "cannot use the authority %s: %s", ca_file ? ca_file : "",
                                strerror(-r));
        g->tls->alpn = "h2";
        return CLI_OK;
}

static int open_client(struct cli_grpc *g)
{
        const struct rpc_client_setup setup = {
                .dial = dial,
                .context = g,
                .authority = g->address.host,
                .tls = g->tls,
                .token = g->token,
        };
        int r;

        r = sd_event_new(&g->loop);
        if (r >= 0)
                r = rpc_client_new(&g->client, g->loop, &setup);
        return r < 0 ? cli_fail(CLI_FAILED, "cannot use %s: %s", g->where, strerror(-r)) : CLI_OK;
}

int cli_grpc_open(struct cli_grpc *g, const struct cli *cli)
{
        int exit;

        *g = (struct cli_grpc){0};
        exit = read_address(g, cli);
        if (exit == CLI_OK)
                exit = cli_token_read(cli, &g->token);
        if (exit == CLI_OK)
                exit = open_client(g);
        if (exit != CLI_OK)
                cli_grpc_close(g);
        return exit;
}

void cli_grpc_close(struct cli_grpc *g)
{
        g->client = rpc_client_free(g->client);
        g->loop = sd_event_unref(g->loop);
        g->tls = net_tls_free(g->tls);
        cli_address_done(&g->address);
        free(g->token);
        *g = (struct cli_grpc){0};
}

static enum cli_exit exit_of(enum grpc_code code)
{
        switch (code) {
        case GRPC_UNAUTHENTICATED:
        case GRPC_PERMISSION_DENIED:
                return CLI_FORBIDDEN;
        case GRPC_NOT_FOUND:
                return CLI_NOT_FOUND;
        case GRPC_ALREADY_EXISTS:
        case GRPC_ABORTED:
        case GRPC_FAILED_PRECONDITION:
                return CLI_CONFLICT;
        case GRPC_UNAVAILABLE:
        case GRPC_DEADLINE_EXCEEDED:
                return CLI_UNREACHABLE;
        default:
                return CLI_FAILED;
        }
}

int cli_grpc_fail(const struct cli_grpc *g, const struct rpc_ask *a)
{
        return cli_fail(exit_of(a->code), "%s: %s", g->where,
                        *a->detail ? a->detail : grpc_code_name(a->code));
}
