/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */
#pragma once

/* What the commands of `lonja record` share. */

#include "cli/cli.h"
#include "cli/cli_table.h"

#define CLI_RECORD_COLUMNS 4
extern const struct cli_column cli_record_columns[CLI_RECORD_COLUMNS + 1];

int cli_record_watch(struct cli *cli);
