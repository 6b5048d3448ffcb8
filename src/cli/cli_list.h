/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */
#pragma once

/* `lonja NOUN list [FILTER=VALUE...]`: a list of the API, page after page, as a table or as JSON. */

#include "cli/cli_http.h"
#include "cli/cli_table.h"

struct cli_list {
        const struct cli_door *door;
        const char *collection; /* "/api/products" */
        const struct cli_column *columns;
        void (*add_row)(struct cli_table *t, const json_t *item);
};

/* For the options of each command that uses this, before those of cli_http.h. */
#define CLI_LIST_OPTIONS                                                                                     \
        {"search", "TEXT", "those that contain it"},                                                         \
                {"ordering", "FIELD", "by this field, -FIELD descending"},                                   \
                {"limit", "N", "at most so many (default 100)"},                                             \
        {                                                                                                    \
                "all", NULL, "all there are"                                                                 \
        }

int cli_list_run(struct cli *cli, const struct cli_list *what);
