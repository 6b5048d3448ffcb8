/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */
#pragma once

/* "HOST:PORT", "[::1]:PORT", and a connection to it. */

#include <stddef.h>

struct cli_address {
        char *host, *port; /* owned */
};

/* 0; -EINVAL; -ENOMEM. */
int cli_address_parse(struct cli_address *ret, const char *text);
void cli_address_done(struct cli_address *a);
/* A connected socket, or -errno; *ret_reason says why not. Blocks: for commands that have nothing else to do.
 */
int cli_address_connect(const struct cli_address *a, const char **ret_reason);
