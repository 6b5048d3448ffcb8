/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */

#include "notifier/notifier.h"
#include "notifier/page.h"
#include "notifier/panel.h"

const struct http_route notifier_routes[] = {
        {"GET", "/api/dashboard/{panel}", panel_api_get, .scope = AUTH_READ},
        {"GET", "/", page_api_index, .scope = 0},
        {"GET", "/{page}", page_api_get, .scope = 0},
        {NULL},
};
