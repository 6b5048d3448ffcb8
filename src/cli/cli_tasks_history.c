/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */

/* lonja tasks history, preview, backfill: the past and the future of a schedule. */

#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/parse.h"
#include "base/url.h"
#include "cli/cli_fields.h"
#include "cli/cli_tasks.h"
#include "json/jread.h"

#define HISTORY_DEFAULT "20"
#define PAGE_MAX 1000

static const struct cli_column history_columns[] = {
        {"TIME"},    {"STATE"}, {"LATE", .right = true}, {"TOOK", .right = true}, {"RESULT", .shrinks = true},
        {"TASK ID"}, {0}};
static const struct cli_column preview_columns[] = {{"TIME"}, {"DUE"}, {0}};

/* Milliseconds as people read them. */
static void add_span(struct cli_table *t, const json_t *object, const char *member)
{
        const json_t *value = json_object_get(object, member);
        char text[32] = "";
        double ms;

        if (json_is_number(value)) {
                ms = json_number_value(value);
                if (ms < 10000)
                        snprintf(text, sizeof(text), "%.0f ms", ms);
                else
                        snprintf(text, sizeof(text), "%.1f s", ms / 1000);
        }
        cli_table_cell(t, text);
}

static void add_firing(struct cli_table *t, const json_t *f)
{
        const char *error = json_string_value(json_object_get(f, "error"));
        _cleanup_free_ char *result = NULL;
        char room[32], at[32];

        if (!error && !json_is_null(json_object_get(f, "result")))
                result = json_dumps(json_object_get(f, "result"), JSON_COMPACT | JSON_ENCODE_ANY);
        cli_short_time(cli_json_text(f, "nominal_time", room), at);
        cli_table_cell(t, at);
        cli_table_cell(t, cli_json_text(f, "state", room));
        add_span(t, f, "late_ms");
        add_span(t, f, "duration_ms");
        cli_table_cell(t, error ? error : result);
        cli_table_cell(t, cli_json_text(f, "task_id", room));
}

static char *history_path(const struct cli *cli, const char *limit)
{
        _cleanup_free_ char *base = cli_http_path(TASKS_COLLECTION "/", cli_operand(cli, 0), "/firings");
        struct buf path = BUF_EMPTY;

        if (!base)
                return NULL;
        buf_printf(&path, "%s?ordering=-nominal_time&limit=%s", base, limit);
        for (size_t i = 1; i < cli->args.n_operands; i++) {
                const char *operand = cli_operand(cli, i), *equals = strchr(operand, '=');
                _cleanup_free_ char *name = memdup_str(operand, (size_t)(equals - operand));

                buf_append_char(&path, '&');
                url_encode(&path, name ? name : "");
                buf_append_char(&path, '=');
                url_encode(&path, equals + 1);
        }
        return buf_take(&path, NULL);
}

int cli_tasks_history(struct cli *cli)
{
        const char *limit = cli_option(cli, "limit") ? cli_option(cli, "limit") : HISTORY_DEFAULT;
        _cleanup_json_ json_t *page = NULL;
        _cleanup_free_ char *path = NULL;
        const json_t *firings;
        struct cli_table t;
        uint64_t number;
        size_t i;
        int exit;

        if (parse_u64(limit, 1, PAGE_MAX, &number) < 0)
                return cli_fail(CLI_USAGE, "--limit takes a number from 1 to %d, not '%s'", PAGE_MAX, limit);
        for (i = 1; i < cli->args.n_operands; i++)
                if (!strchr(cli_operand(cli, i), '='))
                        return cli_fail(CLI_USAGE, "'%s' is not FILTER=VALUE", cli_operand(cli, i));
        path = history_path(cli, limit);
        exit = cli_tasks_ask(cli, "GET", path, NULL, NULL, &page);
        if (exit != CLI_OK)
                return exit;
        firings = json_object_get(page, "results");
        if (cli->json)
                return cli_print_json(firings);
        cli_table_init(&t, history_columns);
        for (i = json_array_size(firings); i > 0; i--) /* the newest at the end, as in a log */
                add_firing(&t, json_array_get(firings, i - 1));
        return cli_print_table(&t);
}

int cli_tasks_preview(struct cli *cli)
{
        const char *count = cli_option(cli, "count"), *after = cli_option(cli, "after");
        _cleanup_free_ char *base = cli_http_path(TASKS_COLLECTION "/", cli_operand(cli, 0), "/preview");
        _cleanup_free_ char *path = NULL;
        _cleanup_json_ json_t *answer = NULL;
        struct buf b = BUF_EMPTY;
        const json_t *times, *one;
        struct cli_table t;
        size_t i;
        int exit;

        buf_printf(&b, "%s?count=", base ? base : "");
        url_encode(&b, count ? count : "10");
        if (after) {
                buf_append_str(&b, "&after=");
                url_encode(&b, after);
        }
        path = buf_take(&b, NULL);
        exit = cli_tasks_ask(cli, "GET", base ? path : NULL, NULL, NULL, &answer);
        if (exit != CLI_OK)
                return exit;
        times = json_object_get(answer, "times");
        if (cli->json)
                return cli_print_json(times);
        cli_table_init(&t, preview_columns);
        json_array_foreach(times, i, one)
        {
                cli_table_cell(&t, json_string_value(json_object_get(one, "nominal_time")));
                cli_table_cell(&t, json_string_value(json_object_get(one, "due_at")));
        }
        return cli_print_table(&t);
}

int cli_tasks_backfill(struct cli *cli)
{
        _cleanup_free_ char *path = cli_http_path(TASKS_COLLECTION "/", cli_operand(cli, 0), ":backfill");
        _cleanup_json_ json_t *body = NULL, *answer = NULL;
        char room[2][32];
        int exit;

        body = json_pack("{s:s, s:s}", "from", cli_operand(cli, 1), "to", cli_operand(cli, 2));
        if (!body)
                return cli_fail(CLI_USAGE, "FROM and TO must be UTF-8");
        exit = cli_tasks_ask(cli, "POST", path, body, NULL, &answer);
        if (exit != CLI_OK)
                return exit;
        if (cli->json)
                return cli_print_json(answer);
        printf("%s of %s times fired.\n", cli_json_text(answer, "fired", room[0]),
               cli_json_text(answer, "found", room[1]));
        return CLI_OK;
}
