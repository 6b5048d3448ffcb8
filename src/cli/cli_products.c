/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */

/* lonja products: the catalogue over REST; streams and watching are next door. */

#include "cli/cli_products.h"

#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/parse.h"
#include "base/str.h"
#include "base/url.h"
#include "cli/cli_fields.h"
#include "cli/cli_list.h"
#include "json/jread.h"

#define COLLECTION "/api/products"

const char *const cli_product_fields[] = {"code",    "description", "buying_price", "selling_price",
                                          "version", "created_at",  "updated_at",   NULL};
static const char *const settable[] = {"description", "buying_price", "selling_price", NULL};
static const char *const creatable[] = {"code", "description", "buying_price", "selling_price", NULL};

static const struct cli_column columns[] = {
        {"CODE"},    {"BUYING", .right = true},        {"SELLING", .right = true},
        {"UPDATED"}, {"DESCRIPTION", .shrinks = true}, {0}};

static void add_product(struct cli_table *t, const json_t *product)
{
        char room[32], at[32];

        cli_short_time(cli_json_text(product, "updated_at", room), at);
        cli_table_cell(t, cli_json_text(product, "code", room));
        cli_table_cell(t, cli_json_text(product, "buying_price", room));
        cli_table_cell(t, cli_json_text(product, "selling_price", room));
        cli_table_cell(t, at);
        cli_table_cell(t, cli_json_text(product, "description", room));
}

static int print_product(const struct cli *cli, const json_t *product)
{
        return cli->json ? cli_print_json(product) : cli_print_object(product, cli_product_fields);
}

static const struct cli_list list = {&cli_products_door, COLLECTION, columns, add_product};

static int run_list(struct cli *cli)
{
        return cli_list_run(cli, &list);
}

/* ---- one product ---- */

/* Opens, asks, prints the product that comes back (if any), closes. */
static int ask(struct cli *cli, const char *method, const char *path, const json_t *body, const char *header)
{
        _cleanup_json_ json_t *product = NULL;
        struct cli_http h;
        int exit;

        if (!path)
                return cli_fail(CLI_FAILED, "out of memory");
        exit = cli_http_open(&h, cli, &cli_products_door);
        if (exit != CLI_OK)
                return exit;
        exit = cli_http_json(&h, method, path, body, header, &product);
        cli_http_close(&h);
        return exit == CLI_OK && product ? print_product(cli, product) : exit;
}

static int run_get(struct cli *cli)
{
        static const char *const of_watch[] = {"until", "count", "interval", "on-change", "bridge"};
        _cleanup_free_ char *path = NULL;

        if (cli_option(cli, "watch"))
                return cli_products_watch(cli);
        for (size_t i = 0; i < ARRAY_SIZE(of_watch); i++)
                if (cli_option(cli, of_watch[i]))
                        return cli_fail(CLI_USAGE, "--%s goes with --watch", of_watch[i]);
        path = cli_http_path(COLLECTION "/", cli_operand(cli, 0), "");
        return ask(cli, "GET", path, NULL, NULL);
}

static int run_create(struct cli *cli)
{
        _cleanup_json_ json_t *body = NULL;
        int exit;

        exit = cli_fields_read(cli, 0, creatable, &body);
        return exit == CLI_OK ? ask(cli, "POST", COLLECTION, body, NULL) : exit;
}

static int run_set(struct cli *cli)
{
        _cleanup_free_ char *path = cli_http_path(COLLECTION "/", cli_operand(cli, 0), "");
        _cleanup_json_ json_t *body = NULL;
        const char *header;
        char room[48];
        int exit;

        exit = cli_if_version(cli, room, &header);
        if (exit == CLI_OK)
                exit = cli_fields_read(cli, 1, settable, &body);
        return exit == CLI_OK ? ask(cli, "PATCH", path, body, header) : exit;
}

static int run_delete(struct cli *cli)
{
        const char *header;
        struct cli_http h;
        char room[48];
        int exit;

        exit = cli_if_version(cli, room, &header);
        if (exit == CLI_OK && header && cli->args.n_operands > 1)
                exit = cli_fail(CLI_USAGE, "--if-version goes with one CODE");
        if (exit == CLI_OK)
                exit = cli_http_open(&h, cli, &cli_products_door);
        if (exit != CLI_OK)
                return exit;
        for (size_t i = 0; i < cli->args.n_operands && exit == CLI_OK; i++) {
                _cleanup_free_ char *path = cli_http_path(COLLECTION "/", cli_operand(cli, i), "");

                exit = path ? cli_http_json(&h, "DELETE", path, NULL, header, NULL)
                            : cli_fail(CLI_FAILED, "out of memory");
                if (exit == CLI_OK && !cli->json)
                        printf("deleted %s\n", cli_operand(cli, i));
        }
        cli_http_close(&h);
        return exit;
}

static int run_adjust(struct cli *cli)
{
        _cleanup_json_ json_t *body = json_pack("{s:s}", "factor", cli_operand(cli, 0));
        _cleanup_json_ json_t *answer = NULL;
        struct cli_http h;
        char room[32];
        int exit;

        if (!body)
                return cli_fail(CLI_USAGE, "the factor is not UTF-8");
        exit = cli_http_open(&h, cli, &cli_products_door);
        if (exit != CLI_OK)
                return exit;
        exit = cli_http_json(&h, "POST", COLLECTION ":adjust-prices", body, NULL, &answer);
        cli_http_close(&h);
        if (exit != CLI_OK)
                return exit;
        if (cli->json)
                return cli_print_json(answer);
        printf("%s products have a new price.\n", cli_json_text(answer, "changed", room));
        return CLI_OK;
}

static const struct cli_option list_options[] = {
        CLI_LIST_OPTIONS,
        CLI_HTTP_OPTIONS,
        {0},
};
static const struct cli_option get_options[] = {
        {"watch", NULL, "go on showing it, at once and whenever it changes"},
        {"until", "EXPR", "stop when true: 'selling_price>=110 && version!=3'"},
        {"count", "N", "stop after so many answers"},
        {"interval", "S", "ask to be answered at least every S seconds"},
        {"on-change", NULL, "only when something changed"},
        {"bridge", "HOST:PORT",
         "of lonja-bridge, tls://... for TLS (default: $LONJA_BRIDGE, else " CLI_DEFAULT_BRIDGE ")"},
        CLI_HTTP_OPTIONS,
        {0},
};
static const struct cli_option plain_options[] = {CLI_HTTP_OPTIONS, {0}};
static const struct cli_option version_options[] = {
        {"if-version", "N", "only if it still has this version"}, CLI_HTTP_OPTIONS, {0}};
static const struct cli_option import_options[] = {
        {"format", "FORMAT", "ndjson or csv (default: by the file's name, else ndjson)"},
        {"create", NULL, "refuse what is there already instead of replacing it"},
        CLI_HTTP_OPTIONS,
        {0},
};
static const struct cli_option export_options[] = {
        {"format", "FORMAT", "ndjson or csv (default: by the file's name, else ndjson)"},
        CLI_HTTP_OPTIONS,
        {0},
};

const struct cli_command cli_products_commands[] = {
        {"products", "list", "[FILTER=VALUE...]", 0, CLI_OPERANDS_MAX,
         "lists them: selling_price__gte=100 and such filters", list_options, run_list},
        {"products", "get", "CODE", 1, 1, "shows one, or watches it", get_options, run_get},
        {"products", "create", "FIELD=VALUE...", 1, CLI_OPERANDS_MAX,
         "creates one; without code= the server makes one", plain_options, run_create},
        {"products", "set", "CODE FIELD=VALUE...", 2, CLI_OPERANDS_MAX, "changes some fields of one",
         version_options, run_set},
        {"products", "delete", "CODE...", 1, CLI_OPERANDS_MAX, "deletes them", version_options, run_delete},
        {"products", "import", "[FILE]", 0, 1, "creates and replaces many, all or nothing", import_options,
         cli_products_import},
        {"products", "export", "[FILE]", 0, 1, "writes all of them", export_options, cli_products_export},
        {"products", "adjust-prices", "FACTOR", 1, 1, "multiplies all prices, exact to the cent",
         plain_options, run_adjust},
        {0},
};
