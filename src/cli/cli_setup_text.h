/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */
#pragma once

/* The texts that `lonja setup` reads and writes. Pure. */

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"

/* What setup has made on this host, for the day of the purge: /var/lib/lonja/setup.state. All names are
 * fixed. */
struct setup_state {
        bool database, role, vhost, user, bridge_user;
};
void setup_state_parse(const char *text, struct setup_state *ret);
void setup_state_format(const struct setup_state *state, struct buf *out);

/* The drop-in of lonja.conf; either may be NULL and is then left out. */
void setup_conf_format(const char *conninfo, const char *uri, struct buf *out);
/* The value of `key` in a drop-in of ours, owned; NULL when it is not there. */
char *setup_conf_value(const char *text, const char *key);

/* Is `name` the first column of a line of rabbitmqctl's (columns by tabs)? */
bool setup_list_has(const char *lines, const char *name);
/* True when the user's three permissions are these. */
bool setup_permissions_are(const char *lines, const char *user, const char *const permissions[3]);

/* The nameservers of a resolv.conf(5) that are not on this host, one a line. */
void setup_nameservers(const char *resolv_conf, struct buf *out);
/* A service's drop-in that lets it talk to these addresses (one a line); empty when there is none. */
void setup_allow_format(const char *addresses, struct buf *out);
/* Adds the line unless it is there. */
void setup_add_line(struct buf *lines, const char *line);

/* A broker's URI with the bridge's user instead. 0; -EINVAL with a reason; -ENOMEM. */
int setup_bridge_uri(const char *uri, struct buf *out, const char **reason);
/* May this be put into a connection string as it is? */
bool setup_is_plain(const char *s);
