/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */

/* lonja record: message records, added and listed over REST. */

#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/parse.h"
#include "cli/cli_fields.h"
#include "cli/cli_grpc.h"
#include "cli/cli_list.h"
#include "cli/cli_record.h"
#include "json/jread.h"

#define COLLECTION "/api/records"

static const char *const fields[] = {"id", "message", "client_type", "created_at", "total", NULL};
const struct cli_column cli_record_columns[] = {
        {"TOTAL", .right = true}, {"TIME"}, {"BY"}, {"MESSAGE", .shrinks = true}, {0}};

static void add_row(struct cli_table *t, const json_t *record)
{
        char room[32], at[32];

        cli_short_time(cli_json_text(record, "created_at", room), at);
        cli_table_cell(t, cli_json_text(record, "total", room));
        cli_table_cell(t, at);
        cli_table_cell(t, cli_json_text(record, "client_type", room));
        cli_table_cell(t, cli_json_text(record, "message", room));
}

static const struct cli_list list = {&cli_gateway_door, COLLECTION, cli_record_columns, add_row};

static int run_list(struct cli *cli)
{
        return cli_list_run(cli, &list);
}

/* ---- add ---- */

static int add(struct cli_http *h, const struct cli *cli, const char *message)
{
        _cleanup_json_ json_t *body = json_pack("{s:s}", "message", message), *record = NULL;
        int exit;

        if (!body)
                return cli_fail(CLI_USAGE, "the message is not UTF-8");
        exit = cli_http_json(h, "POST", COLLECTION, body, NULL, &record);
        if (exit != CLI_OK)
                return exit;
        return cli->json ? cli_print_json(record) : cli_print_object(record, fields);
}

static int run_add(struct cli *cli)
{
        struct cli_http h;
        int exit;

        exit = cli_http_open(&h, cli, &cli_gateway_door);
        if (exit != CLI_OK)
                return exit;
        for (size_t i = 0; i < cli->args.n_operands && exit == CLI_OK; i++)
                exit = add(&h, cli, cli_operand(cli, i));
        cli_http_close(&h);
        return exit;
}

#define GATEWAY_OPTIONS CLI_HTTP_OPTIONS_OF("gateway", CLI_GATEWAY_URL)

static const struct cli_option list_options[] = {CLI_LIST_OPTIONS, GATEWAY_OPTIONS, {0}};
static const struct cli_option add_options[] = {GATEWAY_OPTIONS, {0}};
static const struct cli_option watch_options[] = {
        {"since", "TOTAL", "begin after this one (default: with the next to come)"},
        {"count", "N", "stop after so many"},
        CLI_GRPC_OPTIONS,
        {0},
};

const struct cli_command cli_record_commands[] = {
        {"record", "add", "MESSAGE...", 1, CLI_OPERANDS_MAX, "stores, counts and announces each", add_options,
         run_add},
        {"record", "list", "[FILTER=VALUE...]", 0, CLI_OPERANDS_MAX,
         "lists them: client_type=REST, total__gte=100 and such filters", list_options, run_list},
        {"record", "watch", "", 0, 0, "shows them as they come, over gRPC", watch_options, cli_record_watch},
        {0},
};
