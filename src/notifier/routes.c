/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */

#include "notifier/notifier.h"
#include "notifier/page.h"
#include "notifier/panel.h"
#include "notifier/stream_api.h"

const struct http_route notifier_routes[] = {
        {"GET", "/ws", stream_api_ws, .scope = AUTH_READ},
        {"GET", "/events", stream_api_events, .scope = AUTH_READ},
        {"GET", "/api/dashboard/{panel}", panel_api_get, .scope = AUTH_READ},
        {"GET", "/", page_api_index, .scope = 0},
        {"GET", "/{page}", page_api_get, .scope = 0},
        {NULL},
};
