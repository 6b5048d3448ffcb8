/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */
#pragma once

/* The `lonja` command: a table of nouns and verbs. What a command needs it finds in `struct cli`. */

#include <stdbool.h>
#include <stdio.h>

#include "base/buf.h"
#include "cli/cli_args.h"

/* Documented in lonja(1); scripts rely on them. */
enum cli_exit {
        CLI_OK = 0,
        CLI_FAILED = 1,      /* refused or failed, and nothing below fits */
        CLI_USAGE = 2,       /* the command line is wrong */
        CLI_UNREACHABLE = 3, /* a daemon or the database cannot be reached, or answered 503 */
        CLI_NOT_FOUND = 4,
        CLI_CONFLICT = 5,    /* exists already, or changed in the meantime */
        CLI_FORBIDDEN = 6,   /* no token, or one without the right */
        CLI_NOT_REACHED = 7, /* --watch ended before --until came true */
};

struct cli {
        const struct cli_command *command;
        struct cli_args args;
        const char *config_dir;
        bool config_dir_given; /* then it comes before the environment */
        bool json;
};

struct cli_command {
        const char *noun, *verb; /* verb NULL: the noun is the command */
        const char *operands;    /* for --help: "CODE [FIELD=VALUE...]" */
        size_t operands_min, operands_max;
        const char *summary;
        const struct cli_option *options; /* its own; ends with name NULL; may be NULL */
        int (*run)(struct cli *cli);      /* enum cli_exit */
};

/* Each ends with noun NULL. */
extern const struct cli_command cli_products_commands[], cli_record_commands[], cli_calc_commands[],
        cli_user_commands[], cli_db_commands[], cli_setup_commands[], cli_status_commands[],
        cli_tasks_commands[], cli_events_commands[];

int cli_main(int argc, char *argv[]);

/* "lonja: text" to stderr; returns `exit`. */
int cli_fail(enum cli_exit exit, const char *fmt, ...) _printf_(2, 3);
/* An operand, NULL when absent. */
const char *cli_operand(const struct cli *cli, size_t i);
static inline const char *cli_option(const struct cli *cli, const char *name)
{
        return cli_args_get(&cli->args, name);
}
