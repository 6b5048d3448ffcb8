/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */
#pragma once

/* May a page of that origin (RFC 6454) open a stream? The browser of someone who may read would open one for
 * any page. Pure.
 *
 * Our own pages come by the name in Host. Where nobody needs a token that name must be one of this host
 * itself: another could be made to lead here by whoever owns it (DNS rebinding). */

#include <stdbool.h>

/* `origin` NULL: no browser, or a page of ours: allowed. `allowed`: AllowedOrigins=. */
bool origin_is_allowed(const char *origin, const char *host, bool has_token, const char *allowed);
