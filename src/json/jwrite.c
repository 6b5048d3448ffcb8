/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */

#include <assert.h>
#include <inttypes.h>
#include <string.h>

#include "json/jwrite.h"

struct jwrite jwrite_to(struct buf *out)
{
        return (struct jwrite){.out = out};
}

/* Before each value: the comma that separates it from its neighbour. */
static void separate(struct jwrite *w)
{
        if (w->comma[w->depth])
                buf_append_char(w->out, ',');
        w->comma[w->depth] = true;
}

static void begin(struct jwrite *w, char c)
{
        separate(w);
        buf_append_char(w->out, c);
        assert(w->depth + 1 < JWRITE_DEPTH_MAX);
        w->comma[++w->depth] = false;
}

static void end(struct jwrite *w, char c)
{
        assert(w->depth > 0);
        w->depth--;
        buf_append_char(w->out, c);
}

void jwrite_object_begin(struct jwrite *w)
{
        begin(w, '{');
}

void jwrite_object_end(struct jwrite *w)
{
        end(w, '}');
}

void jwrite_array_begin(struct jwrite *w)
{
        begin(w, '[');
}

void jwrite_array_end(struct jwrite *w)
{
        end(w, ']');
}

static void append_escape(struct buf *out, char c)
{
        switch (c) {
        case '"':
        case '\\':
                buf_append_char(out, '\\');
                buf_append_char(out, c);
                break;
        case '\n':
                buf_append(out, "\\n", 2);
                break;
        case '\r':
                buf_append(out, "\\r", 2);
                break;
        case '\t':
                buf_append(out, "\\t", 2);
                break;
        default:
                buf_printf(out, "\\u%04x", (unsigned char)c);
                break;
        }
}

/* Runs of plain bytes go out in one piece: most strings are a single run. */
static void append_quoted(struct buf *out, const char *s, size_t n)
{
        size_t run = 0;

        buf_append_char(out, '"');
        for (size_t i = 0; i < n; i++) {
                unsigned char c = (unsigned char)s[i];

                if (c >= ' ' && c != '"' && c != '\\')
                        continue;
                buf_append(out, s + run, i - run);
                append_escape(out, s[i]);
                run = i + 1;
        }
        buf_append(out, s + run, n - run);
        buf_append_char(out, '"');
}

void jwrite_key(struct jwrite *w, const char *key)
{
        separate(w);
        append_quoted(w->out, key, strlen(key));
        buf_append_char(w->out, ':');
        w->comma[w->depth] = false;
}

void jwrite_string(struct jwrite *w, const char *s)
{
        if (s)
                jwrite_string_n(w, s, strlen(s));
        else
                jwrite_null(w);
}

void jwrite_string_n(struct jwrite *w, const char *s, size_t n)
{
        separate(w);
        append_quoted(w->out, s, n);
}

void jwrite_int(struct jwrite *w, int64_t v)
{
        separate(w);
        buf_printf(w->out, "%" PRId64, v);
}

void jwrite_bool(struct jwrite *w, bool v)
{
        separate(w);
        buf_append_str(w->out, v ? "true" : "false");
}

void jwrite_null(struct jwrite *w)
{
        separate(w);
        buf_append(w->out, "null", 4);
}

void jwrite_raw(struct jwrite *w, const char *json, size_t n)
{
        separate(w);
        buf_append(w->out, json, n);
}

void jwrite_pair(struct jwrite *w, const char *key, const char *value)
{
        jwrite_key(w, key);
        jwrite_string(w, value);
}
