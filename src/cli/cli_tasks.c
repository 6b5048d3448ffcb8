/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */

/* lonja tasks: schedules over REST; their past and future are next door. */

#include "cli/cli_tasks.h"

#include <string.h>

#include "base/alloc.h"
#include "base/parse.h"
#include "base/str.h"
#include "cli/cli_fields.h"
#include "cli/cli_list.h"
#include "json/jread.h"

static const char *const settable[] = {
        "description", "every",    "cron",     "timezone", "task",        "args",
        "kwargs",      "queue",    "priority", "start",    "end",         "jitter",
        "overlap",     "catch_up", "expires",  "timeout",  "pause_after", "catch_up_window",
        "max_pending", "enabled",  NULL};
static const char *const numbers[] = {"priority", "pause_after", "max_pending", NULL};
static const char *const documents[] = {"args", "kwargs", NULL};
static const char *const shown[] = {
        "name",    "description", "every",   "cron",        "timezone",        "task",
        "args",    "kwargs",      "queue",   "priority",    "start",           "end",
        "jitter",  "overlap",     "timeout", "catch_up",    "catch_up_window", "expires",
        "enabled", "pause_after", "source",  "max_pending", "version",         NULL};
static const char *const state_members[] = {
        "name", "active", "paused_at", "pause_reason", "failures", "missed", "last_time", "next_time", NULL};

int cli_tasks_ask(struct cli *cli, const char *method, const char *path, const json_t *body,
                  const char *header, json_t **ret)
{
        struct cli_http h;
        int exit;

        if (!path)
                return cli_fail(CLI_FAILED, "out of memory");
        exit = cli_http_open(&h, cli, &cli_scheduler_door);
        if (exit != CLI_OK)
                return exit;
        exit = cli_http_json(&h, method, path, body, header, ret);
        cli_http_close(&h);
        return exit;
}

/* ---- Fields ---- */

static bool is_in(const char *name, const char *const *names)
{
        for (; *names; names++)
                if (streq(*names, name))
                        return true;
        return false;
}

/* The text of an operand as the API wants the field; "" is null, which takes it back to its default. NULL: it
 * cannot be. */
static json_t *field_value(const char *name, const char *text)
{
        struct field_errors errors = {.n_errors = 0};
        json_t *value = NULL;
        int64_t number;
        bool yes;

        if (!*text)
                return json_null();
        if (is_in(name, numbers))
                return parse_i64(text, &number) < 0 ? NULL : json_integer(number);
        if (is_in(name, documents))
                return jread_text(text, strlen(text), &value, &errors) < 0 ? NULL : value;
        if (streq(name, "enabled"))
                return parse_bool(text, &yes) < 0 ? NULL : json_boolean(yes);
        return json_string(text);
}

/* FIELD=VALUE operands from `first` on with the types of the API. */
static int read_fields(const struct cli *cli, size_t first, json_t **ret)
{
        _cleanup_json_ json_t *texts = NULL, *fields = json_object();
        const char *name;
        json_t *text;
        int exit;

        exit = cli_fields_read(cli, first, settable, &texts);
        if (exit != CLI_OK)
                return exit;
        json_object_foreach(texts, name, text)
        {
                json_t *value = field_value(name, json_string_value(text));

                if (!value)
                        return cli_fail(CLI_USAGE, "%s must be %s", name,
                                        is_in(name, numbers)     ? "a number"
                                        : is_in(name, documents) ? "JSON"
                                                                 : "yes or no");
                if (json_object_set_new(fields, name, value) < 0)
                        return cli_fail(CLI_FAILED, "out of memory");
        }
        *ret = TAKE_PTR(fields);
        return CLI_OK;
}

/* ---- Printing ---- */

/* args and kwargs as the text that stands in a file. */
static int flatten(json_t *schedule)
{
        for (size_t i = 0; documents[i]; i++) {
                _cleanup_free_ char *text =
                        json_dumps(json_object_get(schedule, documents[i]), JSON_ENCODE_ANY);

                if (!text || json_object_set_new(schedule, documents[i], json_string(text)) < 0)
                        return cli_fail(CLI_FAILED, "out of memory");
        }
        return CLI_OK;
}

static int print_schedule(const struct cli *cli, json_t *schedule)
{
        int exit;

        if (cli->json)
                return cli_print_json(schedule);
        exit = flatten(schedule);
        return exit == CLI_OK ? cli_print_object(schedule, shown) : exit;
}

/* ---- list ---- */

static const struct cli_column columns[] = {
        {"NAME"}, {"WHEN", .shrinks = true}, {"TASK", .shrinks = true}, {"STATE"}, {"LAST"}, {"NEXT"}, {0}};

static void add_schedule(struct cli_table *t, const json_t *s)
{
        const json_t *state = json_object_get(s, "state");
        char room[32], at[32];

        cli_table_cell(t, cli_json_text(s, "name", room));
        cli_table_cell(t,
                       cli_json_text(s, json_is_null(json_object_get(s, "cron")) ? "every" : "cron", room));
        cli_table_cell(t, cli_json_text(s, "task", room));
        cli_table_cell(t, json_is_true(json_object_get(state, "active"))        ? "active"
                          : json_is_string(json_object_get(state, "paused_at")) ? "paused"
                                                                                : "disabled");
        cli_short_time(cli_json_text(state, "last_time", room), at);
        cli_table_cell(t, at);
        cli_short_time(cli_json_text(state, "next_time", room), at);
        cli_table_cell(t, at);
}

static const struct cli_list list = {&cli_scheduler_door, TASKS_COLLECTION, columns, add_schedule};

static int run_list(struct cli *cli)
{
        return cli_list_run(cli, &list);
}

/* ---- one schedule ---- */

static int run_show(struct cli *cli)
{
        _cleanup_free_ char *path = cli_http_path(TASKS_COLLECTION "/", cli_operand(cli, 0), "");
        _cleanup_json_ json_t *schedule = NULL;
        int exit;

        exit = cli_tasks_ask(cli, "GET", path, NULL, NULL, &schedule);
        return exit == CLI_OK ? print_schedule(cli, schedule) : exit;
}

static int run_add(struct cli *cli)
{
        _cleanup_json_ json_t *body = NULL, *schedule = NULL;
        int exit;

        exit = read_fields(cli, 1, &body);
        if (exit != CLI_OK)
                return exit;
        if (json_object_set_new(body, "name", json_string(cli_operand(cli, 0))) < 0)
                return cli_fail(CLI_USAGE, "the name is not UTF-8");
        exit = cli_tasks_ask(cli, "POST", TASKS_COLLECTION, body, NULL, &schedule);
        return exit == CLI_OK ? print_schedule(cli, schedule) : exit;
}

static int run_edit(struct cli *cli)
{
        _cleanup_free_ char *path = cli_http_path(TASKS_COLLECTION "/", cli_operand(cli, 0), "");
        _cleanup_json_ json_t *body = NULL, *schedule = NULL;
        const char *header;
        char room[48];
        int exit;

        exit = cli_if_version(cli, room, &header);
        if (exit == CLI_OK)
                exit = read_fields(cli, 1, &body);
        if (exit == CLI_OK)
                exit = cli_tasks_ask(cli, "PATCH", path, body, header, &schedule);
        return exit == CLI_OK ? print_schedule(cli, schedule) : exit;
}

/* POST /api/schedules/{name}<verb> for each of the names. */
static int post_each(struct cli *cli, const char *verb,
                     int (*print)(const struct cli *cli, const json_t *answer))
{
        int exit = CLI_OK;

        for (size_t i = 0; i < cli->args.n_operands && exit == CLI_OK; i++) {
                _cleanup_free_ char *path = cli_http_path(TASKS_COLLECTION "/", cli_operand(cli, i), verb);
                _cleanup_json_ json_t *answer = NULL;

                exit = cli_tasks_ask(cli, "POST", path, NULL, NULL, &answer);
                if (exit == CLI_OK)
                        exit = cli->json ? cli_print_json(answer) : print(cli, answer);
        }
        return exit;
}

static int print_firing(const struct cli *cli, const json_t *firing)
{
        char room[2][32];

        printf("fired %s as task %s\n", cli_json_text(firing, "schedule", room[0]),
               cli_json_text(firing, "task_id", room[1]));
        return CLI_OK;
}

static int print_state(const struct cli *cli, const json_t *state)
{
        return cli_print_object(state, state_members);
}

static int run_run(struct cli *cli)
{
        return post_each(cli, ":run", print_firing);
}

static int run_pause(struct cli *cli)
{
        return post_each(cli, ":pause", print_state);
}

static int run_resume(struct cli *cli)
{
        return post_each(cli, ":resume", print_state);
}

static int run_remove(struct cli *cli)
{
        const char *header;
        char room[48];
        int exit;

        exit = cli_if_version(cli, room, &header);
        if (exit == CLI_OK && header && cli->args.n_operands > 1)
                exit = cli_fail(CLI_USAGE, "--if-version goes with one NAME");
        for (size_t i = 0; i < cli->args.n_operands && exit == CLI_OK; i++) {
                _cleanup_free_ char *path = cli_http_path(TASKS_COLLECTION "/", cli_operand(cli, i), "");

                exit = cli_tasks_ask(cli, "DELETE", path, NULL, header, NULL);
                if (exit == CLI_OK && !cli->json)
                        printf("removed %s\n", cli_operand(cli, i));
        }
        return exit;
}

#define HTTP_OPTIONS CLI_HTTP_OPTIONS_OF("scheduler", CLI_SCHEDULER_URL)

static const struct cli_option plain_options[] = {HTTP_OPTIONS, {0}};
static const struct cli_option list_options[] = {CLI_LIST_OPTIONS, HTTP_OPTIONS, {0}};
static const struct cli_option version_options[] = {
        {"if-version", "N", "only if it still has this version"}, HTTP_OPTIONS, {0}};
static const struct cli_option history_options[] = {
        {"limit", "N", "the newest so many (default 20)"}, HTTP_OPTIONS, {0}};
static const struct cli_option preview_options[] = {
        {"count", "N", "so many (default 10)"},
        {"after", "TIME", "from then on, \"2026-11-22T03:35:00Z\" (default: now)"},
        HTTP_OPTIONS,
        {0},
};

const struct cli_command cli_tasks_commands[] = {
        {"tasks", "list", "[FILTER=VALUE...]", 0, CLI_OPERANDS_MAX, "lists the schedules", list_options,
         run_list},
        {"tasks", "show", "NAME", 1, 1, "shows one", plain_options, run_show},
        {"tasks", "add", "NAME FIELD=VALUE...", 2, CLI_OPERANDS_MAX,
         "makes one: every=6min or cron='0 6 * * *', task=...", plain_options, run_add},
        {"tasks", "edit", "NAME FIELD=VALUE...", 2, CLI_OPERANDS_MAX,
         "changes some fields; FIELD= takes one back to its default", version_options, run_edit},
        {"tasks", "run", "NAME...", 1, CLI_OPERANDS_MAX, "fires now", plain_options, run_run},
        {"tasks", "pause", "NAME...", 1, CLI_OPERANDS_MAX, "fires no more until resumed", plain_options,
         run_pause},
        {"tasks", "resume", "NAME...", 1, CLI_OPERANDS_MAX, "goes on from now", plain_options, run_resume},
        {"tasks", "history", "NAME [FILTER=VALUE...]", 1, CLI_OPERANDS_MAX,
         "what fired, how late, for how long, with what result", history_options, cli_tasks_history},
        {"tasks", "preview", "NAME", 1, 1, "the times to come", preview_options, cli_tasks_preview},
        {"tasks", "backfill", "NAME FROM TO", 3, 3, "fires past times that did not fire", plain_options,
         cli_tasks_backfill},
        {"tasks", "remove", "NAME...", 1, CLI_OPERANDS_MAX, "deletes them", version_options, run_remove},
        {0},
};
