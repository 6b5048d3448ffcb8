/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */

/* libinih knows the syntax; it is fed line by line by a reader of ours, which is how an error learns its line
 * number and how a bad line is noticed: one that is neither blank, comment nor section, and for which the
 * handler was not called before the next line is asked for. */

#include <errno.h>
#include <ini.h>
#include <string.h>

#include "base/alloc.h"
#include "base/str.h"
#include "service/conf.h"
#include "service/conf_value.h"

#define CONF_LINE_MAX 4096 /* a connection string with certificates is the longest that is known */

/* Sections of lonja.conf that not every daemon knows. */
static const char *const conf_shared_sections[] = {"Service", "Database", "Broker", "HTTP",
                                                   "GRPC",    "Auth",     "Events", "Tasks"};

struct parser {
        const char *file;
        const char *text, *end; /* what is left */
        unsigned line;
        bool shared;
        bool expect_value; /* the line just handed over must reach the handler */
        bool bad_section;  /* the section is unknown and was reported: its keys need no report each */
        bool skip_section;
        const struct conf_table *tables;
        void *conf;
        struct buf *messages;
        bool failed;
        int error; /* -ENOMEM */
};

static void _printf_(2, 3) complain(struct parser *p, const char *fmt, ...)
{
        va_list ap;

        buf_printf(p->messages, "%s:%u: ", p->file, p->line);
        va_start(ap, fmt);
        buf_vprintf(p->messages, fmt, ap);
        va_end(ap);
        buf_append_char(p->messages, '\n');
        p->failed = true;
}

static bool has_section(const struct conf_table *tables, const char *section)
{
        for (; tables->options; tables++)
                for (const struct conf_option *o = tables->options; o->key; o++)
                        if (streq(o->section, section))
                                return true;
        return false;
}

static bool is_partial_section(const struct conf_table *tables, const char *section)
{
        for (; tables->options; tables++)
                if (tables->partial && streq(tables->options->section, section))
                        return true;
        return false;
}

static bool is_shared_section(const char *section)
{
        for (size_t i = 0; i < ARRAY_SIZE(conf_shared_sections); i++)
                if (streq(conf_shared_sections[i], section))
                        return true;
        return false;
}

static void enter_section(struct parser *p, const char *line)
{
        const char *close = strchr(line, ']');
        _cleanup_free_ char *name = NULL;

        p->skip_section = p->bad_section = false;
        if (!close) {
                complain(p, "a section is written [Name]");
                p->bad_section = true;
                return;
        }
        name = memdup_str(line + 1, (size_t)(close - line - 1));
        if (!name) {
                p->error = -ENOMEM;
                return;
        }
        if (close[1 + strspn(close + 1, " \t")])
                complain(p, "unexpected text after [%s]", name);
        if (has_section(p->tables, name))
                return;
        if (p->shared && is_shared_section(name))
                p->skip_section = true;
        else {
                complain(p, "unknown section [%s]", name);
                p->bad_section = true;
        }
}

/* The next line, blanks around it stripped, into `out`; false when it cannot be a line of ours. */
static bool take_line(struct parser *p, char *out, size_t size)
{
        const char *newline = memchr(p->text, '\n', (size_t)(p->end - p->text));
        const char *line = p->text, *line_end = newline ? newline : p->end;
        size_t n;

        p->text = newline ? newline + 1 : p->end;
        while (line < line_end && strchr(" \t\r", *line) && *line)
                line++;
        while (line < line_end && strchr(" \t\r", line_end[-1]) && line_end[-1])
                line_end--;
        n = (size_t)(line_end - line);
        if (n + 3 > size) {
                complain(p, "the line is longer than %zu bytes", size - 3);
                return false;
        }
        if (!utf8_is_valid(line, n)) {
                complain(p, "the line is not UTF-8 text");
                return false;
        }
        memcpy(out, line, n);
        out[n] = '\0';
        return true;
}

static void finish_line(struct parser *p)
{
        if (p->expect_value)
                complain(p, "a line is Key=Value, [Section] or begins with # or ;");
        p->expect_value = false;
}

/* Called by libinih like fgets(3). */
static char *read_line(char *out, int size, void *stream)
{
        struct parser *p = stream;

        finish_line(p);
        if (p->text == p->end || p->error < 0)
                return NULL;
        p->line++;
        if (!take_line(p, out, (size_t)size))
                out[0] = '\0';
        /* A mark at the very beginning belongs to the encoding, not to the text. */
        if (p->line == 1 && startswith(out, "\xef\xbb\xbf"))
                memmove(out, out + 3, strlen(out + 3) + 1);
        if (out[0] == '[')
                enter_section(p, out);
        else
                p->expect_value = out[0] && out[0] != '#' && out[0] != ';';
        return out;
}

static const struct conf_option *find_option(const struct conf_table *tables, const char *section,
                                             const char *key, size_t *ret_base)
{
        for (; tables->options; tables++)
                for (const struct conf_option *o = tables->options; o->key; o++)
                        if (streq(o->section, section) && streq(o->key, key)) {
                                *ret_base = tables->base;
                                return o;
                        }
        return NULL;
}

static int on_value(void *user, const char *section, const char *key, const char *value)
{
        const struct conf_option *option;
        struct parser *p = user;
        char reason[160];
        size_t base;
        int r;

        p->expect_value = false;
        if (p->skip_section || p->bad_section)
                return 1;
        if (!*section) {
                complain(p, "%s= stands before any [Section]", key);
                return 1;
        }
        option = find_option(p->tables, section, key, &base);
        if (!option && p->shared && is_partial_section(p->tables, section))
                return 1;
        if (!option) {
                complain(p, "unknown key %s= in [%s]", key, section);
                return 1;
        }
        r = conf_value_set(option, value, (char *)p->conf + base, reason);
        if (r == -ENOMEM)
                p->error = r;
        else if (r < 0)
                complain(p, "%s= %s", key, reason);
        return 1;
}

int conf_parse_text(const char *file, const char *text, size_t n, bool shared,
                    const struct conf_table *tables, void *conf, struct buf *messages)
{
        struct parser p = {
                .file = file,
                .text = text,
                .end = text + n,
                .shared = shared,
                .tables = tables,
                .conf = conf,
                .messages = messages,
        };
        int r;

        /* The library's own settings are variables of the process; nobody else here reads INI files.  As in
         * systemd.syntax(7), ';' begins a comment only at the beginning of a line. */
        ini_max_line = CONF_LINE_MAX;
        ini_allow_inline_comments = false;
        ini_allow_multiline = false;
        r = ini_parse_stream(read_line, &p, on_value, &p);
        if (r == -2)
                return -ENOMEM;
        if (p.error < 0)
                return p.error;
        return p.failed ? -EINVAL : 0;
}

int conf_set_defaults(const struct conf_table *tables, void *conf)
{
        char reason[160];
        int r;

        for (; tables->options; tables++)
                for (const struct conf_option *o = tables->options; o->key; o++) {
                        r = conf_value_set(o, "", (char *)conf + tables->base, reason);
                        if (r < 0)
                                return r;
                }
        return 0;
}

void conf_done(const struct conf_table *tables, void *conf)
{
        for (; tables->options; tables++)
                for (const struct conf_option *o = tables->options; o->key; o++)
                        if (o->type == CONF_STRING)
                                conf_value_done(o, (char *)conf + tables->base);
}
