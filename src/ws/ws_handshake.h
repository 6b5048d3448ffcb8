/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */
#pragma once

/* The opening handshake of RFC 6455, section 4.2. */

#include "http/http_request.h"

/* Is it one? 0: yes, and http_reply_upgrade() may follow; 1: no, and answered with 400 or 426. `subprotocol`
 * is what we speak: named in the answer if the client offers it, no error if it does not. -ENOMEM, -EIO. */
int ws_handshake(struct http_request *r, const char *subprotocol);
