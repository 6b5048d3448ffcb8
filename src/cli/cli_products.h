/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */
#pragma once

/* The commands of `lonja products` that have a file of their own. */

#include "cli/cli.h"

#define CLI_DEFAULT_BRIDGE "127.0.0.1:5000"

extern const char *const cli_product_fields[]; /* all of them, ends with NULL */

int cli_products_watch(struct cli *cli);
int cli_products_import(struct cli *cli);
int cli_products_export(struct cli *cli);
