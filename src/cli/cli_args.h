/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */
#pragma once

/* The command line, by table: `--name VALUE`, `--name=VALUE`, flags, operands, in any order; `--` ends the
 * options. Pure. */

#include <stdbool.h>
#include <stddef.h>

struct cli_option {
        const char *name;  /* without the dashes */
        const char *value; /* what stands for its value in --help; NULL: a flag */
        const char *help;
};

#define CLI_OPTIONS_MAX 32  /* of one command together with the common ones */
#define CLI_OPERANDS_MAX 64 /* `user disable` takes several; a shell pattern should not surprise us */
#define CLI_OPTION_TABLES 2 /* the common ones and the command's own */

struct cli_args {
        const struct cli_option *tables[CLI_OPTION_TABLES]; /* each ends with name NULL; may be NULL */
        const char *values[CLI_OPTIONS_MAX];                /* by position over both tables; flags: "" */
        const char *operands[CLI_OPERANDS_MAX];
        size_t n_operands;
};

/* Everything is borrowed. 0; -EINVAL with a sentence in `error`. */
int cli_args_parse(struct cli_args *args, int argc, char *const argv[], const struct cli_option *common,
                   const struct cli_option *own, char *error, size_t error_size);
/* The value, "" for a flag that was given, NULL when absent. The name must be in a table. */
const char *cli_args_get(const struct cli_args *args, const char *name);
static inline bool cli_args_has(const struct cli_args *args, const char *name)
{
        return cli_args_get(args, name) != NULL;
}
