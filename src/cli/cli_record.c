/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */

/* lonja record: message records over REST. Watching asks the list for what came after the last one: totals
 * have no holes, so nothing is missed and nothing comes twice, whatever is restarted meanwhile. */

#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/parse.h"
#include "cli/cli_fields.h"
#include "cli/cli_list.h"
#include "json/jread.h"

#define COLLECTION "/api/records"
#define WATCH_USEC USEC_PER_SEC
#define WATCH_PAGE 1000
#define AWAY_MAX_USEC (30 * USEC_PER_SEC) /* a restart takes one */

static const char *const fields[] = {"id", "message", "client_type", "created_at", "total", NULL};
static const struct cli_column columns[] = {
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

static const struct cli_list list = {&cli_gateway_door, COLLECTION, columns, add_row};

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

/* ---- watch ---- */

struct watch {
        const struct cli *cli;
        struct cli_http http;
        int64_t last;           /* total of the last one shown */
        uint64_t left;          /* how many more are wanted */
        usec_t away_since_usec; /* 0: it answers */
        size_t widths[ARRAY_SIZE(columns) - 1];
};

static void print_cells(struct watch *w, const char *const *cells)
{
        _cleanup_(buf_done) struct buf out = BUF_EMPTY;

        for (size_t i = 0; i + 1 < ARRAY_SIZE(w->widths); i++) /* the last one may be as long as it likes */
                w->widths[i] = MAX_OF(w->widths[i], cli_text_width(cells[i]));
        cli_row_print(&out, columns, w->widths, cells);
        if (buf_error(&out) == 0)
                fwrite(buf_bytes(&out), 1, buf_size(&out), stdout);
}

static int show(struct watch *w, const json_t *record)
{
        char total[32], time[32], by[32], message[32], at[32];

        w->last = json_integer_value(json_object_get(record, "total"));
        w->left--;
        if (w->cli->json) {
                if (json_dumpf(record, stdout, JSON_COMPACT) < 0)
                        return cli_fail(CLI_FAILED, "cannot write the output");
                putchar('\n');
        } else {
                cli_short_time(cli_json_text(record, "created_at", time), at);
                print_cells(w, (const char *const[]){cli_json_text(record, "total", total), at,
                                                     cli_json_text(record, "client_type", by),
                                                     cli_json_text(record, "message", message)});
        }
        return CLI_OK;
}

/* What came after the last one; *ret_n says how many. */
static int look(struct watch *w, size_t *ret_n)
{
        _cleanup_json_ json_t *page = NULL;
        const json_t *record, *results;
        char path[96];
        int exit;
        size_t i;

        *ret_n = 0;
        snprintf(path, sizeof(path), COLLECTION "?ordering=total&limit=%d&total__gte=%lld", WATCH_PAGE,
                 (long long)w->last + 1);
        exit = cli_http_json(&w->http, "GET", path, NULL, NULL, &page);
        if (exit != CLI_OK)
                return exit;
        results = json_object_get(page, "results");
        json_array_foreach(results, i, record)
        {
                if (w->left == 0)
                        break;
                exit = show(w, record);
                if (exit != CLI_OK)
                        return exit;
        }
        *ret_n = json_array_size(results);
        fflush(stdout);
        return ferror(stdout) ? CLI_FAILED : CLI_OK;
}

/* The newest there is; nothing of it is shown. */
static int look_first(struct watch *w)
{
        _cleanup_json_ json_t *page = NULL;
        int exit;

        exit = cli_http_json(&w->http, "GET", COLLECTION "?ordering=-total&limit=1", NULL, NULL, &page);
        if (exit == CLI_OK)
                w->last = json_integer_value(
                        json_object_get(json_array_get(json_object_get(page, "results"), 0), "total"));
        return exit;
}

/* A daemon or a server that is away for a while does not end the watch. */
static bool is_bearable(struct watch *w, int exit)
{
        usec_t now = clock_monotonic_usec();

        if (exit == CLI_OK) {
                w->away_since_usec = 0;
                return true;
        }
        if (w->away_since_usec == 0)
                w->away_since_usec = now;
        return exit == CLI_UNREACHABLE && now - w->away_since_usec < AWAY_MAX_USEC;
}

static int watch(struct watch *w)
{
        size_t n;
        int exit;

        while (w->left > 0) {
                exit = look(w, &n);
                if (!is_bearable(w, exit))
                        return exit;
                if (w->left > 0 && n < WATCH_PAGE)
                        cli_http_wait(&w->http, WATCH_USEC);
        }
        return CLI_OK;
}

static int run_watch(struct cli *cli)
{
        const char *since = cli_option(cli, "since"), *count = cli_option(cli, "count");
        struct watch w = {.cli = cli, .left = UINT64_MAX};
        const char *titles[ARRAY_SIZE(columns) - 1];
        int exit;

        if (since && (parse_i64(since, &w.last) < 0 || w.last < 0))
                return cli_fail(CLI_USAGE, "--since takes a total, not '%s'", since);
        if (count && parse_u64(count, 1, INT64_MAX, &w.left) < 0)
                return cli_fail(CLI_USAGE, "--count takes a number from 1 on, not '%s'", count);
        exit = cli_http_open(&w.http, cli, &cli_gateway_door);
        if (exit != CLI_OK)
                return exit;
        if (!since)
                exit = look_first(&w);
        if (exit == CLI_OK && !cli->json) {
                for (size_t i = 0; i < ARRAY_SIZE(titles); i++)
                        titles[i] = columns[i].title;
                w.widths[0] = strlen("9999999");
                w.widths[1] = strlen("2026-11-22 03:35:00");
                w.widths[2] = strlen("RabbitMQ");
                print_cells(&w, titles);
                fflush(stdout);
        }
        if (exit == CLI_OK)
                exit = watch(&w);
        cli_http_close(&w.http);
        return exit;
}

#define GATEWAY_OPTIONS CLI_HTTP_OPTIONS_OF("gateway", CLI_GATEWAY_URL)

static const struct cli_option list_options[] = {CLI_LIST_OPTIONS, GATEWAY_OPTIONS, {0}};
static const struct cli_option add_options[] = {GATEWAY_OPTIONS, {0}};
static const struct cli_option watch_options[] = {
        {"since", "TOTAL", "begin after this one (default: with the next to come)"},
        {"count", "N", "stop after so many"},
        GATEWAY_OPTIONS,
        {0},
};

const struct cli_command cli_record_commands[] = {
        {"record", "add", "MESSAGE...", 1, CLI_OPERANDS_MAX, "stores, counts and announces each", add_options,
         run_add},
        {"record", "list", "[FILTER=VALUE...]", 0, CLI_OPERANDS_MAX,
         "lists them: client_type=REST, total__gte=100 and such filters", list_options, run_list},
        {"record", "watch", "", 0, 0, "shows them as they come, looking every second", watch_options,
         run_watch},
        {0},
};
