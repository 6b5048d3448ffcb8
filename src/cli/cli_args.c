/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */
#include "cli/cli_args.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>

#include "base/macro.h"
#include "base/str.h"

/* The option and its position among all; NULL when there is none of this name. */
static const struct cli_option *find(const struct cli_args *args, const char *name, size_t n, size_t *ret_at)
{
        size_t at = 0;

        for (size_t t = 0; t < CLI_OPTION_TABLES; t++)
                for (const struct cli_option *o = args->tables[t]; o && o->name; o++, at++)
                        if (strlen(o->name) == n && memcmp(o->name, name, n) == 0) {
                                assert(at < CLI_OPTIONS_MAX);
                                *ret_at = at;
                                return o;
                        }
        return NULL;
}

/* Takes argv[i], and argv[i + 1] when the value stands there. Returns how many were taken, or -EINVAL. */
static int take_option(struct cli_args *args, int left, char *const argv[], char *error, size_t error_size)
{
        const char *name = argv[0] + 2, *equals = strchr(name, '=');
        size_t n = equals ? (size_t)(equals - name) : strlen(name), at;
        const struct cli_option *o = find(args, name, n, &at);

        if (!o) {
                snprintf(error, error_size, "there is no option --%.*s", (int)n, name);
                return -EINVAL;
        }
        if (!o->value && equals) {
                snprintf(error, error_size, "--%s takes no value", o->name);
                return -EINVAL;
        }
        if (!o->value || equals) {
                args->values[at] = equals ? equals + 1 : "";
                return 1;
        }
        if (left < 2) {
                snprintf(error, error_size, "--%s needs a value: %s", o->name, o->value);
                return -EINVAL;
        }
        args->values[at] = argv[1];
        return 2;
}

int cli_args_parse(struct cli_args *args, int argc, char *const argv[], const struct cli_option *common,
                   const struct cli_option *own, char *error, size_t error_size)
{
        bool options = true;
        int taken;

        *args = (struct cli_args){.tables = {common, own}};
        for (int i = 0; i < argc; i += taken) {
                taken = 1;
                if (options && streq(argv[i], "--")) {
                        options = false;
                } else if (options && startswith(argv[i], "--")) {
                        taken = take_option(args, argc - i, argv + i, error, error_size);
                        if (taken < 0)
                                return taken;
                } else if (options && argv[i][0] == '-' && argv[i][1]) {
                        snprintf(error, error_size, "there is no option %s (all have long names)", argv[i]);
                        return -EINVAL;
                } else if (args->n_operands >= CLI_OPERANDS_MAX) {
                        snprintf(error, error_size, "more than %d operands", CLI_OPERANDS_MAX);
                        return -EINVAL;
                } else {
                        args->operands[args->n_operands++] = argv[i];
                }
        }
        return 0;
}

const char *cli_args_get(const struct cli_args *args, const char *name)
{
        size_t at;

        if (!find(args, name, strlen(name), &at)) {
                assert(false && "no such option in the command's table");
                return NULL;
        }
        return args->values[at];
}
