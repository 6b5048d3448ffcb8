/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */
#pragma once

/* Where a TCP door is, plain or TLS, and a connection to it: for what is not HTTP. */

#include "cli/cli.h"
#include "net/net_tls.h"

struct cli_tcp_door {         /* static const */
        const char *name;     /* for messages */
        const char *option;   /* that says where: HOST:PORT or [::1]:PORT, after a scheme or none */
        const char *variable; /* of the environment, that says it otherwise */
        const char *fallback;
        const char *plain, *secure; /* the schemes, "grpc://" and "grpcs://" */
};

struct cli_address {
        const char *text;    /* borrowed: as it was given */
        char *host, *port;   /* owned */
        struct net_tls *tls; /* owned; NULL: plain. Trusts --ca-file */
};

/* CLI_OK, or what the command should exit with; the reason was told. */
int cli_address_read(struct cli_address *ret, const struct cli *cli, const struct cli_tcp_door *door);
void cli_address_done(struct cli_address *a);
/* A connected, non-blocking socket, or -errno; *ret_reason says why not. Waits for it: for commands that have
 * nothing else to do. */
int cli_address_connect(const struct cli_address *a, const char **ret_reason);
