/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */
#pragma once

/* GET /ws and GET /events: what a request wishes, and whether it may. */

#include "http/http_server.h"
#include "notifier/client.h"

/* The subprotocol; a second one, "bearer.<token>", stands for the header that a browser cannot set. */
#define STREAM_SUBPROTOCOL "lonja.v1"

int stream_api_ws(struct http_request *r);     /* ws_client.c */
int stream_api_events(struct http_request *r); /* sse_client.c */

/* Origin, topics=, since=, last=, Last-Event-ID and room for one more. 0; 1: answered; -errno. The wish is to
 * be given to client_wish_done(). */
int stream_wish(struct http_request *r, struct client_wish *ret);
