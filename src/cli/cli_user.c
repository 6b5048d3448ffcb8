/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */

/* lonja user: accounts over REST, for administrators. */

#include <string.h>

#include "base/alloc.h"
#include "base/str.h"
#include "base/url.h"
#include "cli/cli_fields.h"
#include "cli/cli_http.h"
#include "cli/cli_password.h"
#include "json/jread.h"

#define COLLECTION "/api/users"

static const char *const members[] = {"username",   "scopes",  "disabled", "created_at",
                                      "updated_at", "version", NULL};
static const struct cli_column columns[] = {{"USER"},    {"SCOPES"},  {"DISABLED"},
                                            {"CREATED"}, {"UPDATED"}, {0}};

/* ["read","write"] as "read write". */
static void format_scopes(const json_t *user, char out[64])
{
        const json_t *scopes = json_object_get(user, "scopes"), *s;
        size_t i, n = 0;

        out[0] = '\0';
        json_array_foreach(scopes, i, s)
        {
                const char *word = json_string_value(s);

                if (word && n + strlen(word) + 2 < 64)
                        n += (size_t)snprintf(out + n, 64 - n, "%s%s", n > 0 ? " " : "", word);
        }
}

static int print_user(const struct cli *cli, json_t *user)
{
        char scopes[64];

        if (cli->json)
                return cli_print_json(user);
        format_scopes(user, scopes);
        if (json_object_set_new(user, "scopes", json_string(scopes)) < 0)
                return cli_fail(CLI_FAILED, "out of memory");
        return cli_print_object(user, members);
}

/* "read,write" as an array; the server knows which words there are. */
static json_t *parse_scopes(const char *text)
{
        json_t *scopes = json_array();

        while (*text) {
                size_t n = strcspn(text, ", ");

                if (n > 0 && json_array_append_new(scopes, json_stringn(text, n)) < 0) {
                        json_decref(scopes);
                        return NULL;
                }
                text += n;
                text += strspn(text, ", ");
        }
        return scopes;
}

/* ---- list ---- */

static void add_user(struct cli_table *t, const json_t *user)
{
        char room[32], at[32], scopes[64];

        format_scopes(user, scopes);
        cli_table_cell(t, cli_json_text(user, "username", room));
        cli_table_cell(t, scopes);
        cli_table_cell(t, cli_json_text(user, "disabled", room));
        cli_short_time(cli_json_text(user, "created_at", room), at);
        cli_table_cell(t, at);
        cli_short_time(cli_json_text(user, "updated_at", room), at);
        cli_table_cell(t, at);
}

/* All pages as one array. */
static int fetch_users(struct cli_http *h, json_t *all)
{
        _cleanup_free_ char *path = strdup(COLLECTION "?limit=1000&ordering=username");
        int exit = CLI_OK;

        while (exit == CLI_OK && path) {
                _cleanup_json_ json_t *page = NULL;
                const char *next;

                exit = cli_http_json(h, "GET", path, NULL, NULL, &page);
                free(TAKE_PTR(path));
                if (exit != CLI_OK)
                        break;
                if (json_array_extend(all, json_object_get(page, "results")) < 0)
                        return cli_fail(CLI_FAILED, "the answer is no page of users");
                next = json_string_value(json_object_get(page, "next"));
                path = next ? strdup(next) : NULL;
        }
        return exit;
}

static int run_list(struct cli *cli)
{
        _cleanup_json_ json_t *all = json_array();
        struct cli_table t;
        struct cli_http h;
        json_t *user;
        size_t i;
        int exit;

        exit = cli_http_open(&h, cli, &cli_products_door);
        if (exit != CLI_OK)
                return exit;
        exit = fetch_users(&h, all);
        cli_http_close(&h);
        if (exit != CLI_OK)
                return exit;
        if (cli->json)
                return cli_print_json(all);
        cli_table_init(&t, columns);
        json_array_foreach(all, i, user) add_user(&t, user);
        return cli_print_table(&t);
}

/* ---- changes ---- */

static int run_add(struct cli *cli)
{
        const char *name = cli_operand(cli, 0), *scopes = cli_option(cli, "scopes");
        _cleanup_(cli_password_freep) char *password = NULL;
        _cleanup_json_ json_t *body = NULL, *user = NULL;
        struct cli_http h;
        int exit;

        exit = cli_password_read("Password for ", name, true, &password);
        if (exit != CLI_OK)
                return exit;
        body = json_pack("{s:s, s:s}", "username", name, "password", password);
        if (body && scopes && json_object_set_new(body, "scopes", parse_scopes(scopes)) < 0)
                return cli_fail(CLI_FAILED, "out of memory");
        if (!body)
                return cli_fail(CLI_USAGE, "name and password must be UTF-8");
        exit = cli_http_open(&h, cli, &cli_products_door);
        if (exit != CLI_OK)
                return exit;
        exit = cli_http_json(&h, "POST", COLLECTION, body, NULL, &user);
        cli_http_close(&h);
        return exit == CLI_OK ? print_user(cli, user) : exit;
}

static int run_passwd(struct cli *cli)
{
        const char *name = cli_operand(cli, 0);
        _cleanup_(cli_password_freep) char *password = NULL, *old = NULL;
        _cleanup_free_ char *path = cli_http_path(COLLECTION "/", name, "/password");
        _cleanup_json_ json_t *body = NULL;
        struct cli_http h;
        int exit = CLI_OK;

        if (cli_option(cli, "own"))
                exit = cli_password_read("Present password of ", name, false, &old);
        if (exit == CLI_OK)
                exit = cli_password_read("New password for ", name, true, &password);
        if (exit != CLI_OK)
                return exit;
        body = json_pack("{s:s, s:s*}", "password", password, "old_password", old);
        if (!body || !path)
                return cli_fail(CLI_USAGE, "name and password must be UTF-8");
        exit = cli_http_open(&h, cli, &cli_products_door);
        if (exit != CLI_OK)
                return exit;
        exit = cli_http_json(&h, "POST", path, body, NULL, NULL);
        cli_http_close(&h);
        if (exit == CLI_OK && !cli->json)
                printf("%s has a new password; all its sessions have ended.\n", name);
        return exit;
}

/* One or several users, one field. */
static int change_users(struct cli *cli, const json_t *body, const char *done)
{
        struct cli_http h;
        int exit;

        if (!body)
                return cli_fail(CLI_FAILED, "out of memory");
        exit = cli_http_open(&h, cli, &cli_products_door);
        if (exit != CLI_OK)
                return exit;
        for (size_t i = 0; i < cli->args.n_operands && exit == CLI_OK; i++) {
                const char *name = cli_operand(cli, i);
                _cleanup_free_ char *path = cli_http_path(COLLECTION "/", name, "");
                _cleanup_json_ json_t *user = NULL;

                exit = path ? cli_http_json(&h, "PATCH", path, body, NULL, &user)
                            : cli_fail(CLI_FAILED, "out of memory");
                if (exit == CLI_OK && cli->json)
                        exit = cli_print_json(user);
                else if (exit == CLI_OK)
                        printf("%s %s\n", done, name);
        }
        cli_http_close(&h);
        return exit;
}

static int run_disable(struct cli *cli)
{
        _cleanup_json_ json_t *body = json_pack("{s:b}", "disabled", 1);

        return change_users(cli, body, "disabled");
}

static int run_enable(struct cli *cli)
{
        _cleanup_json_ json_t *body = json_pack("{s:b}", "disabled", 0);

        return change_users(cli, body, "enabled");
}

static const struct cli_option add_options[] = {
        {"scopes", "LIST", "of read, write, admin: 'read,write' (default read)"},
        CLI_HTTP_OPTIONS,
        {0},
};
static const struct cli_option passwd_options[] = {
        {"own", NULL, "your own, without being administrator: asks for the present one first"},
        CLI_HTTP_OPTIONS,
        {0},
};
static const struct cli_option plain_options[] = {CLI_HTTP_OPTIONS, {0}};

const struct cli_command cli_user_commands[] = {
        {"user", "list", "", 0, 0, "lists the users", plain_options, run_list},
        {"user", "add", "NAME", 1, 1, "creates one; the password is asked for, or read from stdin",
         add_options, run_add},
        {"user", "passwd", "NAME", 1, 1, "sets the password; it is asked for, or read from stdin",
         passwd_options, run_passwd},
        {"user", "disable", "NAME...", 1, CLI_OPERANDS_MAX, "shuts them out and ends their sessions",
         plain_options, run_disable},
        {"user", "enable", "NAME...", 1, CLI_OPERANDS_MAX, "lets them in again", plain_options, run_enable},
        {0},
};
