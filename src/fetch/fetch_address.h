/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */
#pragma once

/* Where requests that somebody else made up may go. */

#include <stdbool.h>
#include <stddef.h>
#include <sys/socket.h>

/* A unicast address of the public Internet: no loopback, private, link-local, shared, documentation or
 * translated one (RFC 6890 and its registries). */
bool fetch_address_is_public(const struct sockaddr *address);

/* The host of an http or https URL in lower case, without brackets, as the client itself will read it. 0;
 * -EINVAL: no such URL, or one with a user in it; -ENOBUFS; -ENOMEM. */
int fetch_url_host(const char *url, char *host, size_t size);
