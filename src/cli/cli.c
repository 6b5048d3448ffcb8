/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */
#include "config.h"

#include "cli/cli.h"

#include <stdarg.h>
#include <stdlib.h>

#include "base/str.h"

static const struct cli_option common_options[] = {
        {"json", NULL, "answers as JSON, for programs"},
        {"config-dir", "DIR", "configuration folder (default " LONJA_SYSCONFDIR ")"},
        {"help", NULL, "this text"},
        {"version", NULL, "the version"},
        {0},
};

static const struct cli_command *const tables[] = {
        cli_products_commands, cli_record_commands, cli_calc_commands,
        cli_tasks_commands,    cli_user_commands,   cli_events_commands,
        cli_db_commands,       cli_setup_commands,  cli_status_commands,
};

#define FOREACH_COMMAND(c)                                                                                   \
        for (size_t t_ = 0; t_ < ARRAY_SIZE(tables); t_++)                                                   \
                for (const struct cli_command *c = tables[t_]; c->noun; c++)

int cli_fail(enum cli_exit exit, const char *fmt, ...)
{
        va_list ap;

        fputs("lonja: ", stderr);
        va_start(ap, fmt);
        vfprintf(stderr, fmt, ap);
        va_end(ap);
        fputc('\n', stderr);
        return (int)exit;
}

const char *cli_operand(const struct cli *cli, size_t i)
{
        return i < cli->args.n_operands ? cli->args.operands[i] : NULL;
}

/* ---- help ---- */

static void print_options(const struct cli_option *options)
{
        char left[48];

        for (const struct cli_option *o = options; o && o->name; o++) {
                snprintf(left, sizeof(left), "--%s%s%s", o->name, o->value ? " " : "",
                         o->value ? o->value : "");
                printf("  %-26s %s\n", left, o->help);
        }
}

static void print_command_line(const struct cli_command *c)
{
        char left[64];

        snprintf(left, sizeof(left), "%s%s%s %s", c->noun, c->verb ? " " : "", c->verb ? c->verb : "",
                 c->operands);
        printf("  %-46s %s\n", left, c->summary);
}

/* Of one noun, or of all. */
static int help_overview(const char *noun)
{
        printf("lonja - a market hall of small daemons\n\nUsage: lonja %s %s[OPTION...]\n\nCommands:\n",
               noun ? noun : "NOUN",
               noun && (streq(noun, "status") || streq(noun, "setup")) ? "" : "VERB [OPERAND...] ");
        FOREACH_COMMAND(c)
        {
                if (!noun || streq(noun, c->noun))
                        print_command_line(c);
        }
        fputs("\nOptions of every command:\n", stdout);
        print_options(common_options);
        fputs("\nExit status: 0 done; 1 failed; 2 usage; 3 unreachable; 4 not found; 5 conflict; 6 "
              "forbidden.\n"
              "`lonja NOUN VERB --help` tells more, lonja(1) tells all.\n",
              stdout);
        return CLI_OK;
}

static int help_command(const struct cli_command *c)
{
        printf("Usage: lonja %s%s%s %s%s[OPTION...]\n\n%s\n\n", c->noun, c->verb ? " " : "",
               c->verb ? c->verb : "", c->operands, *c->operands ? " " : "", c->summary);
        if (c->options) {
                fputs("Options:\n", stdout);
                print_options(c->options);
                fputc('\n', stdout);
        }
        fputs("Options of every command:\n", stdout);
        print_options(common_options);
        return CLI_OK;
}

/* ---- finding the command ---- */

static const struct cli_command *find_command(const char *noun, const char *verb)
{
        FOREACH_COMMAND(c)
        {
                if (noun && streq(c->noun, noun) && (!c->verb || (verb && streq(c->verb, verb))))
                        return c;
        }
        return NULL;
}

/* ---- completion ---- */

static void complete_options(const struct cli_option *options)
{
        for (const struct cli_option *o = options; o && o->name; o++)
                printf("--%s%s%s\n", o->name, o->value ? "=" : "", o->value ? o->value : "");
}

/* What can follow `noun` and `verb`, either NULL, one a line; an option's value after its '='. For the
 * shell's completion, so that it knows what we know. */
static int complete(const char *noun, const char *verb)
{
        const struct cli_command *found = noun ? find_command(noun, verb) : NULL;
        const char *last = "";

        FOREACH_COMMAND(c)
        {
                if (!noun && !streq(c->noun, last))
                        puts(c->noun);
                else if (noun && !verb && c->verb && streq(c->noun, noun))
                        puts(c->verb);
                last = c->noun;
        }
        if (found)
                complete_options(found->options);
        complete_options(common_options);
        return CLI_OK;
}

static int run_completion(int argc, char *argv[])
{
        return complete(argc > 2 ? argv[2] : NULL, argc > 3 ? argv[3] : NULL);
}

/* Noun and verb are the first words that are neither options nor their values: `lonja --json user list`. */
static size_t find_words(int argc, char *const argv[], int at[2])
{
        size_t n = 0;

        for (int i = 1; i < argc && n < 2; i++) {
                if (argv[i][0] != '-')
                        at[n++] = i;
                else if (streq(argv[i], "--config-dir"))
                        i++;
                else if (streq(argv[i], "--"))
                        break;
        }
        return n;
}

static bool is_noun(const char *s)
{
        FOREACH_COMMAND(c)
        {
                if (streq(c->noun, s))
                        return true;
        }
        return false;
}

static int without_command(int argc, char *const argv[], const char *noun, const char *verb)
{
        for (int i = 1; i < argc; i++) {
                if (streq(argv[i], "--help"))
                        return help_overview(noun && is_noun(noun) ? noun : NULL);
                if (streq(argv[i], "--version")) {
                        puts(PACKAGE_STRING);
                        return CLI_OK;
                }
        }
        if (!noun)
                return cli_fail(CLI_USAGE, "what shall be done? `lonja --help` lists the commands");
        if (!is_noun(noun))
                return cli_fail(CLI_USAGE, "there is no command '%s'; `lonja --help` lists them", noun);
        if (!verb)
                return cli_fail(CLI_USAGE, "%s what? `lonja %s --help` lists the verbs", noun, noun);
        return cli_fail(CLI_USAGE, "there is no '%s %s'; `lonja %s --help` lists the verbs", noun, verb,
                        noun);
}

static int run_command(struct cli *cli)
{
        const struct cli_command *c = cli->command;
        size_t n = cli->args.n_operands;
        const char *dir = cli_option(cli, "config-dir");

        if (cli_option(cli, "help"))
                return help_command(c);
        if (cli_option(cli, "version")) {
                puts(PACKAGE_STRING);
                return CLI_OK;
        }
        if (n < c->operands_min || n > c->operands_max)
                return cli_fail(CLI_USAGE, "usage: lonja %s%s%s %s", c->noun, c->verb ? " " : "",
                                c->verb ? c->verb : "", c->operands);
        cli->json = cli_option(cli, "json") != NULL;
        cli->config_dir_given = dir != NULL;
        cli->config_dir = dir ? dir : LONJA_SYSCONFDIR;
        return c->run(cli);
}

/* Output that could not be written is a failure: a full disk must not look like success. */
static int finish(int exit)
{
        if (fflush(stdout) != 0 || ferror(stdout))
                return cli_fail(CLI_FAILED, "cannot write the output");
        return exit;
}

int cli_main(int argc, char *argv[])
{
        struct cli cli = {0};
        char error[160];
        int at[2] = {0, 0}, n_rest = 0;
        size_t n_words = find_words(argc, argv, at);
        const char *noun = n_words > 0 ? argv[at[0]] : NULL, *verb = n_words > 1 ? argv[at[1]] : NULL;

        if (argc > 1 && streq(argv[1], "--complete"))
                return finish(run_completion(argc, argv));
        cli.command = find_command(noun, verb);
        if (!cli.command)
                return finish(without_command(argc, argv, noun, verb));
        for (int i = 1; i < argc; i++) /* the rest, in place */
                if (i != at[0] && !(cli.command->verb && i == at[1]))
                        argv[n_rest++] = argv[i];
        if (cli_args_parse(&cli.args, n_rest, argv, common_options, cli.command->options, error,
                           sizeof(error)) < 0)
                return cli_fail(CLI_USAGE, "%s", error);
        return finish(run_command(&cli));
}
