/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */
#pragma once

/* From where, as far as counting failed logins goes. Pure.
 *
 * IPv6 counts by /64, which is what one customer has. A proxy on this host puts its client last into
 * X-Forwarded-For; without it all clients would share the counter of 127.0.0.1. Nobody else's header is
 * believed. */

#include "net/net_address.h"

#define WEB_ADDRESS_SIZE 64
void web_client_address(const struct net_peer *peer, const char *forwarded_for, char out[WEB_ADDRESS_SIZE]);
