/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */
#pragma once

/* FIELD=VALUE operands, and small pieces about JSON and output that several commands share. */

#include <jansson.h>

#include "cli/cli.h"
#include "cli/cli_table.h"

/* Operands from `first` on as an object of strings; only names from `allowed` (ends with NULL). CLI_OK or
 * CLI_USAGE, told. */
int cli_fields_read(const struct cli *cli, size_t first, const char *const *allowed, json_t **ret);

/* "If-Match: "7"" of --if-version 7, *ret NULL without. CLI_OK or CLI_USAGE, told. */
int cli_if_version(const struct cli *cli, char header[48], const char **ret);

/* A scalar member as text, "" when absent; `room` is for numbers. */
const char *cli_json_text(const json_t *object, const char *member, char room[32]);
/* A document as one line of JSON on stdout. */
int cli_print_json(const json_t *value);
/* Prints and empties a table; as wide as the terminal when stdout is one. */
int cli_print_table(struct cli_table *t);
/* "name  value" lines of an object, in this order; ends with NULL. */
int cli_print_object(const json_t *object, const char *const *members);
/* "2026-11-22T03:35:00.123456Z" -> "2026-11-22 03:35:00"; others as they are. */
void cli_short_time(const char *rfc3339, char out[32]);
