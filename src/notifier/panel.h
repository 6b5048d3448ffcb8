/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */
#pragma once

/* What the dashboard's panels show at first, and again after each event that concerns them.
 *
 * To add one: a row in panel.c, whose statement gives one JSON text, and www/panel-<name>.js beside it,
 * listed in www/panels.js. */

#include "http/http_request.h"

struct panel {
        const char *name;  /* the last part of the path */
        const char *sql;   /* one row, one column: JSON text */
        const char *param; /* a query parameter that becomes $1 (NULL when it is absent), or NULL: none */
        int (*begin)(struct http_request *r); /* or what the database does not know: answers by itself */
};

/* GET /api/dashboard/{panel} */
int panel_api_get(struct http_request *r);
