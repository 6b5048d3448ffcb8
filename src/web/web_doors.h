/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */
#pragma once

/* The HTTP doors that systemd hands over: "http", "https" (with the credentials tls.crt and tls.key) and
 * "admin", any number of each. */

#include "http/http_server.h"

/* Serves each of them; the first https door loads *tls, which the caller frees after the server. 0, -ENOENT:
 * not one was there; -errno. Logs what it returns. */
int web_doors_open(struct http_server *server, struct service *service, struct net_tls **tls);
