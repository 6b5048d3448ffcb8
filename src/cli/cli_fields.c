/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */
#include "cli/cli_fields.h"

#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/parse.h"
#include "base/str.h"
#include "json/jread.h"

static bool is_among(const char *name, size_t n, const char *const *names)
{
        for (; *names; names++)
                if (strlen(*names) == n && memcmp(*names, name, n) == 0)
                        return true;
        return false;
}

int cli_fields_read(const struct cli *cli, size_t first, const char *const *allowed, json_t **ret)
{
        _cleanup_json_ json_t *object = json_object();

        for (size_t i = first; i < cli->args.n_operands; i++) {
                const char *operand = cli->args.operands[i], *equals = strchr(operand, '=');
                size_t n = equals ? (size_t)(equals - operand) : 0;
                _cleanup_free_ char *name = memdup_str(operand, n);

                if (!equals)
                        return cli_fail(CLI_USAGE, "'%s' is not FIELD=VALUE", operand);
                if (!is_among(operand, n, allowed))
                        return cli_fail(CLI_USAGE, "there is no field '%.*s' to set", (int)n, operand);
                if (!utf8_is_valid(equals + 1, strlen(equals + 1)))
                        return cli_fail(CLI_USAGE, "the value of %.*s is not UTF-8", (int)n, operand);
                if (!name || json_object_set_new(object, name, json_string(equals + 1)) < 0)
                        return cli_fail(CLI_FAILED, "out of memory");
        }
        *ret = TAKE_PTR(object);
        return CLI_OK;
}

int cli_if_version(const struct cli *cli, char header[48], const char **ret)
{
        const char *version = cli_option(cli, "if-version");
        uint64_t number;

        *ret = NULL;
        if (!version)
                return CLI_OK;
        if (parse_u64(version, 1, INT64_MAX, &number) < 0)
                return cli_fail(CLI_USAGE, "--if-version takes a version, not '%s'", version);
        snprintf(header, 48, "If-Match: \"%llu\"", (unsigned long long)number);
        *ret = header;
        return CLI_OK;
}

const char *cli_json_text(const json_t *object, const char *member, char room[32])
{
        const json_t *value = json_object_get(object, member);

        if (json_is_string(value))
                return json_string_value(value);
        if (json_is_integer(value))
                snprintf(room, 32, "%lld", (long long)json_integer_value(value));
        else
                snprintf(room, 32, "%s", json_is_true(value) ? "yes" : json_is_false(value) ? "no" : "");
        return room;
}

int cli_print_json(const json_t *value)
{
        if (json_dumpf(value, stdout, JSON_COMPACT) < 0)
                return cli_fail(CLI_FAILED, "cannot write the output");
        putchar('\n');
        return CLI_OK;
}

static size_t terminal_width(void)
{
        struct winsize size;

        if (!isatty(STDOUT_FILENO) || ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) < 0)
                return 0;
        return size.ws_col;
}

int cli_print_table(struct cli_table *t)
{
        _cleanup_(buf_done) struct buf out = BUF_EMPTY;
        int r;

        r = cli_table_print(t, &out, terminal_width());
        cli_table_done(t);
        if (r < 0)
                return cli_fail(CLI_FAILED, "out of memory");
        fwrite(buf_bytes(&out), 1, buf_size(&out), stdout);
        return CLI_OK;
}

int cli_print_object(const json_t *object, const char *const *members)
{
        static const struct cli_column pair[] = {{"x"}, {"x"}, {0}};
        _cleanup_(buf_done) struct buf out = BUF_EMPTY;
        size_t widths[2] = {0, 0};
        char room[32];

        for (const char *const *m = members; *m; m++)
                widths[0] = MAX_OF(widths[0], strlen(*m));
        for (const char *const *m = members; *m; m++) {
                const char *cells[] = {*m, cli_json_text(object, *m, room)};

                cli_row_print(&out, pair, widths, cells);
        }
        if (buf_error(&out) < 0)
                return cli_fail(CLI_FAILED, "out of memory");
        fwrite(buf_bytes(&out), 1, buf_size(&out), stdout);
        return CLI_OK;
}

void cli_short_time(const char *rfc3339, char out[32])
{
        snprintf(out, 32, "%s", rfc3339);
        if (strlen(out) < 20 || out[10] != 'T')
                return;
        out[10] = ' ';
        out[19] = '\0';
}
