/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */
#include "cli/cli_problem.h"

#include <stdio.h>

#include "base/str.h"
#include "cli/cli.h"
#include "cli/cli_table.h"
#include "contract/names.h"
#include "contract/problem.h"
#include "json/jread.h"

static json_t *problem_read(const char *text, size_t n)
{
        struct field_errors ignored = {.n_errors = 0};
        json_t *problem = NULL;

        if (jread_text(text, n, &problem, &ignored) < 0)
                return NULL;
        return problem;
}

static const char *text_of(const json_t *object, const char *member)
{
        const char *s = json_string_value(json_object_get(object, member));

        return s ? s : "";
}

/* A cell of its own, since it cleans what comes from elsewhere. */
static void print_clean(const char *before, const char *text)
{
        static const struct cli_column one[] = {{"x"}, {0}};
        _cleanup_(buf_done) struct buf out = BUF_EMPTY;

        cli_row_print(&out, one, &(size_t){0}, &text);
        if (buf_error(&out) == 0)
                fprintf(stderr, "%s%.*s", before, (int)buf_size(&out), buf_bytes(&out));
}

static void print_errors(const json_t *problem)
{
        const json_t *errors = json_object_get(problem, "errors"), *e;
        char line[320];
        size_t i;

        json_array_foreach(errors, i, e)
        {
                const char *path = text_of(e, "path");

                snprintf(line, sizeof(line), "%s%s%s", path, *path ? ": " : "", text_of(e, "reason"));
                print_clean("  ", line);
        }
}

void cli_problem_print(unsigned status, const char *text, size_t n)
{
        _cleanup_json_ json_t *problem = problem_read(text, n);
        const char *title = text_of(problem, "title"), *detail = text_of(problem, "detail");
        char line[1024];

        if (!*title)
                title = problem_title(status);
        snprintf(line, sizeof(line), "%s%s%s (%u)", title, *detail ? ": " : "", detail, status);
        print_clean("lonja: ", line);
        print_errors(problem);
}

bool cli_problem_is(const char *text, size_t n, const char *slug)
{
        _cleanup_json_ json_t *problem = problem_read(text, n);
        const char *rest = startswith(text_of(problem, "type"), PROBLEM_PREFIX);

        return rest && streq(rest, slug);
}
