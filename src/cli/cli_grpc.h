/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */
#pragma once

/* gRPC as a command line wants it. Where to: --grpc, else $LONJA_GATEWAY_GRPC, else the gateway's port on
 * this host. The token is that of --token-file or $LONJA_TOKEN. */

#include "cli/cli.h"
#include "cli/cli_address.h"
#include "rpc/rpc_client.h"

#define CLI_GATEWAY_GRPC "127.0.0.1:50051"

/* For the options of each command that uses this. */
#define CLI_GRPC_OPTIONS                                                                                     \
        {"grpc", "HOST:PORT",                                                                                \
         "of lonja-gateway's gRPC, grpcs://... for TLS (default: " CLI_GATEWAY_GRPC ")"},                    \
                {"token-file", "FILE", "holds the session's token (default: $LONJA_TOKEN)"},                 \
        {                                                                                                    \
                "ca-file", "FILE", "authority for grpcs (default: the system's)"                             \
        }

struct cli_grpc {
        sd_event *loop; /* owned, as all below */
        struct rpc_client *client;
        struct cli_address address;
        char *token;
};

/* CLI_OK, or what the command should exit with; the reason was told. `g` stays where it is until it is
 * closed. */
int cli_grpc_open(struct cli_grpc *g, const struct cli *cli);
void cli_grpc_close(struct cli_grpc *g);
/* Tells of a call that failed; what the command should exit with. */
int cli_grpc_fail(const struct cli_grpc *g, const struct rpc_ask *a);
