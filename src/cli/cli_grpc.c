/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */
#include "cli/cli_grpc.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/str.h"
#include "cli/cli_http.h"

static const struct cli_tcp_door door = {
        .name = "gRPC",
        .option = "grpc",
        .variable = "LONJA_GATEWAY_GRPC",
        .fallback = CLI_GATEWAY_GRPC,
        .plain = "grpc://",
        .secure = "grpcs://",
};

static int dial(void *context)
{
        const struct cli_grpc *g = context;
        const char *reason;

        return cli_address_connect(&g->address, &reason);
}

static int open_client(struct cli_grpc *g)
{
        const struct rpc_client_setup setup = {
                .dial = dial,
                .context = g,
                .authority = g->address.host,
                .tls = g->address.tls,
                .token = g->token,
        };
        int r;

        r = sd_event_new(&g->loop);
        if (r >= 0)
                r = rpc_client_new(&g->client, g->loop, &setup);
        return r < 0 ? cli_fail(CLI_FAILED, "cannot use %s: %s", g->address.text, strerror(-r)) : CLI_OK;
}

int cli_grpc_open(struct cli_grpc *g, const struct cli *cli)
{
        int exit;

        *g = (struct cli_grpc){0};
        exit = cli_address_read(&g->address, cli, &door);
        if (exit == CLI_OK && g->address.tls)
                g->address.tls->alpn = "h2";
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
        return cli_fail(exit_of(a->code), "%s: %s", g->address.text,
                        *a->detail ? a->detail : grpc_code_name(a->code));
}
