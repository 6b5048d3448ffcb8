/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */
#pragma once

/* What a daemon with gRPC doors shares with its HTTP: the rights, the sockets, the figures.
 *
 * Only daemons that call one of these link rpc/. */

#include "auth/auth.h"
#include "rpc/rpc_server.h"

/* The guard of rpc_server_setup; rpc_method.scope says what http_route.scope does. The context of the server
 * is a daemon whose first member is its `struct web`, as for HTTP. */
void web_rpc_guard(struct rpc_call *c);
/* Never NULL behind the guard; user "" and scopes 0 on a method that is open. */
const struct auth_identity *web_rpc_identity(const struct rpc_call *c);

/* A stream ends with the session that asked for it. While the database cannot be asked about it, nothing more
 * may be sent: false then. Always true of unary calls and anonymous readers. */
bool web_rpc_may_send(const struct rpc_call *c);

/* The metadata idempotency-key; *ret NULL without one, borrowed from the call. 0; 1: the call was ended with
 * INVALID_ARGUMENT. */
int web_rpc_read_key(struct rpc_call *c, const char **ret);
/* web_write_reply_failure() for calls. */
void web_rpc_fail_write(struct rpc_call *c, int status, const char *sqlstate, const char *error);

/* Serves the doors "grpc" and "grpcs" (with the credentials tls.crt and tls.key), as many as systemd handed
 * over; none is fine. The first grpcs door loads *tls, which the caller frees after the server. Logs what it
 * returns. */
int web_rpc_doors_open(struct rpc_server *server, struct service *service, struct net_tls **tls);

/* Lines of /metrics. */
void web_rpc_metrics(struct buf *out, const struct rpc_server *server);
