/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */

/* lonja calc: calculations over REST. */

#include <stdio.h>
#include <stdlib.h>

#include "base/alloc.h"
#include "base/parse.h"
#include "base/str.h"
#include "base/url.h"
#include "cli/cli_fields.h"
#include "cli/cli_list.h"
#include "json/jread.h"

#define COLLECTION "/api/calculations"
#define WAIT_DEFAULT "30s"

static const char *const fields[] = {"id",         "expression", "digits",      "state",
                                     "value",      "exact",      "fraction",    "error",
                                     "created_at", "deadline",   "finished_at", NULL};
static const struct cli_column columns[] = {
        {"ID"}, {"STATE"}, {"RESULT", .shrinks = true}, {"EXPRESSION", .shrinks = true}, {0}};

/* "division-by-zero: division by zero (character 2)" */
static void describe_error(const json_t *error, char *out, size_t size)
{
        const char *type = json_string_value(json_object_get(error, "type"));
        const char *detail = json_string_value(json_object_get(error, "detail"));
        json_int_t position = json_integer_value(json_object_get(error, "position"));
        const char *slug = type && strrchr(type, ':') ? strrchr(type, ':') + 1 : "failed";

        if (position > 0)
                snprintf(out, size, "%s: %s (character %" JSON_INTEGER_FORMAT ")", slug, detail ? detail : "",
                         position);
        else
                snprintf(out, size, "%s: %s", slug, detail ? detail : "");
}

static void add_row(struct cli_table *t, const json_t *c)
{
        const json_t *result = json_object_get(c, "result"), *error = json_object_get(c, "error");
        char room[32], text[256];

        cli_table_cell(t, cli_json_text(c, "id", room));
        cli_table_cell(t, cli_json_text(c, "state", room));
        if (json_is_object(error)) {
                describe_error(error, text, sizeof(text));
                cli_table_cell(t, text);
        } else {
                cli_table_cell(t, json_is_object(result) ? cli_json_text(result, "value", room) : "");
        }
        cli_table_cell(t, cli_json_text(c, "expression", room));
}

static const struct cli_list list = {&cli_gateway_door, COLLECTION, columns, add_row};
static const struct cli_list parked_list = {&cli_gateway_door, COLLECTION "?state=parked", columns, add_row};

static int run_list(struct cli *cli)
{
        return cli_list_run(cli, &list);
}

static int run_parked(struct cli *cli)
{
        return cli_list_run(cli, &parked_list);
}

/* ---- one ---- */

/* "name  value" lines: the members of the result beside the others. */
static int print_details(const json_t *c)
{
        _cleanup_json_ json_t *flat = json_copy((json_t *)c);
        const json_t *error = json_object_get(c, "error");
        char text[256];

        if (!flat)
                return cli_fail(CLI_FAILED, "out of memory");
        if (json_is_object(json_object_get(c, "result")))
                (void)json_object_update(flat, json_object_get(c, "result"));
        (void)json_object_del(flat, "error");
        if (json_is_object(error)) {
                describe_error(error, text, sizeof(text));
                (void)json_object_set_new(flat, "error", json_string(text));
        }
        return cli_print_object(flat, fields);
}

static int ask(struct cli *cli, const char *method, const char *path, const json_t *body, json_t **ret)
{
        struct cli_http h;
        int exit;

        if (!path)
                return cli_fail(CLI_FAILED, "out of memory");
        exit = cli_http_open(&h, cli, &cli_gateway_door);
        if (exit != CLI_OK)
                return exit;
        exit = cli_http_json(&h, method, path, body, NULL, ret);
        cli_http_close(&h);
        return exit;
}

static int show(struct cli *cli, const char *method, const char *path)
{
        _cleanup_json_ json_t *c = NULL;
        int exit = ask(cli, method, path, NULL, &c);

        if (exit != CLI_OK)
                return exit;
        return cli->json ? cli_print_json(c) : print_details(c);
}

static int run_get(struct cli *cli)
{
        _cleanup_free_ char *path = cli_http_path(COLLECTION "/", cli_operand(cli, 0), "");

        return show(cli, "GET", path);
}

static int run_cancel(struct cli *cli)
{
        _cleanup_free_ char *path = cli_http_path(COLLECTION "/", cli_operand(cli, 0), ":cancel");

        return show(cli, "POST", path);
}

/* ---- calculating ---- */

/* A result is a line that other programs can take; anything else is told on stderr. */
static int print_outcome(const json_t *c)
{
        const json_t *result = json_object_get(c, "result"), *error = json_object_get(c, "error");
        char room[32], text[256];

        if (json_is_object(result)) {
                puts(cli_json_text(result, "value", room));
                return CLI_OK;
        }
        if (json_is_object(error)) {
                describe_error(error, text, sizeof(text));
                return cli_fail(CLI_FAILED, "%s", text);
        }
        return cli_fail(CLI_FAILED, "%s; lonja calc get %s shows it later", cli_json_text(c, "state", room),
                        json_string_value(json_object_get(c, "id")));
}

static int make_body(const struct cli *cli, json_t **ret)
{
        const char *digits = cli_option(cli, "digits"), *deadline = cli_option(cli, "deadline");
        _cleanup_json_ json_t *body = json_pack("{s:s}", "expression", cli_operand(cli, 0));
        uint64_t n;

        if (!body)
                return cli_fail(CLI_USAGE, "the expression is not UTF-8");
        if (digits && parse_u64(digits, 1, 1000, &n) < 0)
                return cli_fail(CLI_USAGE, "--digits takes a number from 1 to 1000, not '%s'", digits);
        if (digits)
                (void)json_object_set_new(body, "digits", json_integer((json_int_t)n));
        if (deadline)
                (void)json_object_set_new(body, "deadline", json_string(deadline));
        *ret = TAKE_PTR(body);
        return CLI_OK;
}

static int run_calculate(struct cli *cli)
{
        const char *wait = cli_option(cli, "wait");
        _cleanup_json_ json_t *body = NULL, *c = NULL;
        _cleanup_(buf_done) struct buf path = BUF_EMPTY;
        int exit;

        exit = make_body(cli, &body);
        if (exit != CLI_OK)
                return exit;
        buf_append_str(&path, COLLECTION "?wait=");
        url_encode(&path, wait ? wait : WAIT_DEFAULT);
        buf_append_char(&path, '\0');
        if (buf_error(&path) < 0)
                return cli_fail(CLI_FAILED, "out of memory");
        exit = ask(cli, "POST", buf_bytes(&path), body, &c);
        if (exit != CLI_OK)
                return exit;
        return cli->json ? cli_print_json(c) : print_outcome(c);
}

#define GATEWAY_OPTIONS CLI_HTTP_OPTIONS_OF("gateway", CLI_GATEWAY_URL)

static const struct cli_option list_options[] = {CLI_LIST_OPTIONS, GATEWAY_OPTIONS, {0}};
static const struct cli_option plain_options[] = {GATEWAY_OPTIONS, {0}};
static const struct cli_option calculate_options[] = {
        {"digits", "N", "significant digits (default 34)"},
        {"wait", "SPAN", "how long to wait for the result (default " WAIT_DEFAULT ", at most 60s)"},
        {"deadline", "TIME", "after it nobody wants the result: 2026-11-30T12:00:00Z"},
        GATEWAY_OPTIONS,
        {0},
};

/* The one without a verb is the last: what is no verb is an expression. */
const struct cli_command cli_calc_commands[] = {
        {"calc", "get", "ID", 1, 1, "shows one", plain_options, run_get},
        {"calc", "list", "[FILTER=VALUE...]", 0, CLI_OPERANDS_MAX,
         "lists them: state=failed, created_at__gte=... and such filters", list_options, run_list},
        {"calc", "parked", "", 0, 0, "lists those that kept ending their worker", list_options, run_parked},
        {"calc", "cancel", "ID", 1, 1, "ends one that has not ended", plain_options, run_cancel},
        {"calc", NULL, "EXPRESSION", 1, 1, "calculates, exactly: lonja calc '2/3 + 1'", calculate_options,
         run_calculate},
        {0},
};
