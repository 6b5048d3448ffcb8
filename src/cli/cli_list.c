/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */
#include "cli/cli_list.h"

#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/parse.h"
#include "base/url.h"
#include "cli/cli_fields.h"
#include "json/jread.h"

#define PAGE_MAX 1000

struct listing {
        const struct cli_list *what;
        uint64_t left; /* how many more are wanted */
        bool is_first;
        struct cli_table table;
};

static void add_parameter(struct buf *b, const char *name, size_t n, const char *value)
{
        _cleanup_free_ char *copy = memdup_str(name, n);

        buf_append_char(b, memchr(buf_bytes(b), '?', buf_size(b)) ? '&' : '?');
        url_encode(b, copy ? copy : "");
        buf_append_char(b, '=');
        url_encode(b, value);
}

/* Operands are filters as the API takes them, selling_price__gte=10 and so on: the server knows them all and
 * names what is wrong. */
static int list_path(const struct cli *cli, const struct cli_list *what, uint64_t limit, char **ret)
{
        static const char *const options[] = {"search", "ordering"};
        struct buf b = BUF_EMPTY;
        char number[24];

        buf_append_str(&b, what->collection);
        for (size_t i = 0; i < cli->args.n_operands; i++) {
                const char *operand = cli->args.operands[i], *equals = strchr(operand, '=');

                if (!equals) {
                        buf_done(&b);
                        return cli_fail(CLI_USAGE, "'%s' is not FILTER=VALUE", operand);
                }
                add_parameter(&b, operand, (size_t)(equals - operand), equals + 1);
        }
        for (size_t i = 0; i < ARRAY_SIZE(options); i++)
                if (cli_option(cli, options[i]))
                        add_parameter(&b, options[i], strlen(options[i]), cli_option(cli, options[i]));
        snprintf(number, sizeof(number), "%llu", (unsigned long long)MIN_OF(limit, (uint64_t)PAGE_MAX));
        add_parameter(&b, "limit", strlen("limit"), number);
        *ret = buf_take(&b, NULL);
        return *ret ? CLI_OK : cli_fail(CLI_FAILED, "out of memory");
}

static int list_page(const struct cli *cli, struct listing *l, const json_t *page)
{
        const json_t *results = json_object_get(page, "results"), *item;
        size_t i;

        json_array_foreach(results, i, item)
        {
                if (l->left == 0)
                        break;
                l->left--;
                if (!cli->json) {
                        l->what->add_row(&l->table, item);
                        continue;
                }
                fputs(l->is_first ? "[" : ",\n", stdout);
                l->is_first = false;
                if (json_dumpf(item, stdout, JSON_COMPACT) < 0)
                        return cli_fail(CLI_FAILED, "cannot write the output");
        }
        return CLI_OK;
}

static int list_pages(struct cli_http *h, const struct cli *cli, struct listing *l, char *path)
{
        _cleanup_free_ char *at = path;
        int exit = CLI_OK;

        while (exit == CLI_OK && at) {
                _cleanup_json_ json_t *page = NULL;
                const char *next;

                exit = cli_http_json(h, "GET", at, NULL, NULL, &page);
                if (exit != CLI_OK)
                        break;
                exit = list_page(cli, l, page);
                free(TAKE_PTR(at));
                next = json_string_value(json_object_get(page, "next"));
                if (next && l->left > 0) {
                        at = strdup(next);
                        if (!at)
                                exit = cli_fail(CLI_FAILED, "out of memory");
                } else if (next && !cli_option(cli, "limit") && !cli_option(cli, "all")) {
                        fputs("lonja: there are more; --all or --limit shows them\n", stderr);
                }
        }
        return exit;
}

int cli_list_run(struct cli *cli, const struct cli_list *what)
{
        const char *limit = cli_option(cli, "limit");
        struct listing l = {.what = what, .left = 100, .is_first = true};
        struct cli_http h;
        char *path;
        int exit;

        if (limit && parse_u64(limit, 1, INT64_MAX, &l.left) < 0)
                return cli_fail(CLI_USAGE, "--limit takes a number from 1 on, not '%s'", limit);
        if (cli_option(cli, "all"))
                l.left = INT64_MAX;
        exit = list_path(cli, what, l.left, &path);
        if (exit != CLI_OK)
                return exit;
        exit = cli_http_open(&h, cli, what->door);
        if (exit != CLI_OK) {
                free(path);
                return exit;
        }
        cli_table_init(&l.table, what->columns);
        exit = list_pages(&h, cli, &l, path);
        if (exit == CLI_OK && cli->json)
                fputs(l.is_first ? "[]\n" : "]\n", stdout);
        else if (exit == CLI_OK)
                exit = cli_print_table(&l.table);
        cli_table_done(&l.table);
        cli_http_close(&h);
        return exit;
}
