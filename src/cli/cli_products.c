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
#include "cli/cli_http.h"
#include "json/jread.h"

#define COLLECTION "/api/products"
#define PAGE_MAX 1000

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

/* ---- list ---- */

struct listing {
        uint64_t left; /* how many more are wanted */
        bool is_first;
        struct cli_table table;
};

static void add_parameter(struct buf *b, const char *name, size_t n, const char *value)
{
        _cleanup_free_ char *copy = memdup_str(name, n);

        buf_append_char(b, buf_size(b) > strlen(COLLECTION) ? '&' : '?');
        url_encode(b, copy ? copy : "");
        buf_append_char(b, '=');
        url_encode(b, value);
}

/* Operands are filters as the API takes them, selling_price__gte=10 and so on: the server knows them all and
 * names what is wrong. */
static int list_path(const struct cli *cli, uint64_t limit, char **ret)
{
        static const char *const options[] = {"search", "ordering"};
        struct buf b = BUF_EMPTY;
        char number[24];

        buf_append_str(&b, COLLECTION);
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
        const json_t *results = json_object_get(page, "results"), *product;
        size_t i;

        json_array_foreach(results, i, product)
        {
                if (l->left == 0)
                        break;
                l->left--;
                if (!cli->json) {
                        add_product(&l->table, product);
                        continue;
                }
                fputs(l->is_first ? "[" : ",\n", stdout);
                l->is_first = false;
                if (json_dumpf(product, stdout, JSON_COMPACT) < 0)
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

static int run_list(struct cli *cli)
{
        const char *limit = cli_option(cli, "limit");
        struct listing l = {.left = 100, .is_first = true};
        struct cli_http h;
        char *path;
        int exit;

        if (limit && parse_u64(limit, 1, INT64_MAX, &l.left) < 0)
                return cli_fail(CLI_USAGE, "--limit takes a number from 1 on, not '%s'", limit);
        if (cli_option(cli, "all"))
                l.left = INT64_MAX;
        exit = list_path(cli, l.left, &path);
        if (exit != CLI_OK)
                return exit;
        exit = cli_http_open(&h, cli);
        if (exit != CLI_OK) {
                free(path);
                return exit;
        }
        cli_table_init(&l.table, columns);
        exit = list_pages(&h, cli, &l, path);
        if (exit == CLI_OK && cli->json)
                fputs(l.is_first ? "[]\n" : "]\n", stdout);
        else if (exit == CLI_OK)
                exit = cli_print_table(&l.table);
        cli_table_done(&l.table);
        cli_http_close(&h);
        return exit;
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
        exit = cli_http_open(&h, cli);
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

/* "If-Match: "7"" of --if-version 7. */
static int read_if_version(const struct cli *cli, char header[48], const char **ret)
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

static int run_set(struct cli *cli)
{
        _cleanup_free_ char *path = cli_http_path(COLLECTION "/", cli_operand(cli, 0), "");
        _cleanup_json_ json_t *body = NULL;
        const char *header;
        char room[48];
        int exit;

        exit = read_if_version(cli, room, &header);
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

        exit = read_if_version(cli, room, &header);
        if (exit == CLI_OK && header && cli->args.n_operands > 1)
                exit = cli_fail(CLI_USAGE, "--if-version goes with one CODE");
        if (exit == CLI_OK)
                exit = cli_http_open(&h, cli);
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
        exit = cli_http_open(&h, cli);
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
        {"search", "TEXT", "those that contain it"},
        {"ordering", "FIELD", "by this field, -FIELD descending"},
        {"limit", "N", "at most so many (default 100)"},
        {"all", NULL, "all there are"},
        CLI_HTTP_OPTIONS,
        {0},
};
static const struct cli_option get_options[] = {
        {"watch", NULL, "go on showing it, at once and whenever it changes"},
        {"until", "EXPR", "stop when true: 'selling_price>=110 && version!=3'"},
        {"count", "N", "stop after so many answers"},
        {"interval", "S", "ask to be answered at least every S seconds"},
        {"on-change", NULL, "only when something changed"},
        {"bridge", "HOST:PORT", "of lonja-bridge (default: $LONJA_BRIDGE, else " CLI_DEFAULT_BRIDGE ")"},
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
