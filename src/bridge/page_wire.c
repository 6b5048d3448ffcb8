/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */

#include <errno.h>
#include <string.h>

#include "base/alloc.h"
#include "base/str.h"
#include "bridge/page_wire.h"
#include "json/jread.h"

void json_text_join_lines(char *text, size_t n)
{
        for (char *p = text, *end = text + n; p < end; p++)
                if (*p == '\n' || *p == '\r')
                        *p = ' ';
}

static char *skip_space(char *p, const char *end)
{
        while (p < end && (*p == ' ' || *p == '\t' || *p == '\n' || *p == '\r'))
                p++;
        return p;
}

/* Behind the string that begins at p, or NULL. */
static char *skip_string(char *p, const char *end)
{
        for (p++; p < end; p++)
                if (*p == '\\')
                        p++;
                else if (*p == '"')
                        return p + 1;
        return NULL;
}

/* Behind the value that begins at p, or NULL: brackets are counted, not matched, since whoever wrote the text
 * is trusted to have written JSON; what is untrue of it is passed on, never run over. */
static char *skip_value(char *p, const char *end)
{
        unsigned depth = 0;

        while (p && p < end) {
                if (*p == '"') {
                        p = skip_string(p, end);
                        if (depth == 0)
                                return p;
                        continue;
                }
                if (depth == 0 && (*p == ',' || *p == '}' || *p == ']'))
                        return p; /* the end of a number or word */
                if (*p == '{' || *p == '[')
                        depth++;
                else if ((*p == '}' || *p == ']') && --depth == 0)
                        return p + 1;
                p++;
        }
        return NULL;
}

/* "https://host/api/products?cursor=x" or "/api/products?cursor=x" -> the latter. */
static int decode_next(const char *text, size_t n, char **ret)
{
        _cleanup_json_ json_t *value = json_loadb(text, n, JSON_DECODE_ANY, NULL);
        const char *url = json_string_value(value), *scheme;

        if (json_is_null(value))
                return 0;
        if (!url)
                return -EBADMSG;
        scheme = strstr(url, "://");
        if (scheme)
                url = strchr(scheme + 3, '/');
        if (!url || *url != '/')
                return -EBADMSG;
        for (const char *p = url; *p; p++)
                if ((unsigned char)*p <= ' ' || *p == 0x7f)
                        return -EBADMSG;
        return strdup_to(ret, url);
}

static int take_member(const char *key, size_t key_size, char *value, size_t value_size,
                       struct page_wire *page)
{
        while (value_size > 0 && strchr(" \t\n\r", value[value_size - 1]))
                value_size--;
        if (key_size == 9 && memcmp(key, "\"results\"", 9) == 0) {
                if (value_size < 2 || value[0] != '[' || value[value_size - 1] != ']')
                        return -EBADMSG;
                page->results = value;
                page->results_size = value_size;
        } else if (key_size == 6 && memcmp(key, "\"next\"", 6) == 0) {
                page_wire_done(page);
                return decode_next(value, value_size, &page->next);
        }
        return 0;
}

static int decode_members(char *p, const char *end, struct page_wire *page)
{
        for (;;) {
                char *key = skip_space(p, end), *value, *behind;
                size_t key_size;
                int r;

                if (key == end || *key != '"' || !(p = skip_string(key, end)))
                        return -EBADMSG;
                key_size = (size_t)(p - key);
                p = skip_space(p, end);
                if (p == end || *p != ':')
                        return -EBADMSG;
                value = skip_space(p + 1, end);
                behind = skip_value(value, end);
                if (!behind)
                        return -EBADMSG;
                r = take_member(key, key_size, value, (size_t)(behind - value), page);
                if (r < 0)
                        return r;
                p = skip_space(behind, end);
                if (p < end && *p == '}')
                        return page->results ? 0 : -EBADMSG;
                if (p == end || *p != ',')
                        return -EBADMSG;
                p++;
        }
}

int page_wire_decode(char *text, size_t n, struct page_wire *ret)
{
        struct page_wire page = {0};
        char *p = skip_space(text, text + n);
        int r;

        if (p == text + n || *p != '{')
                return -EBADMSG;
        r = decode_members(p + 1, text + n, &page);
        if (r < 0) {
                page_wire_done(&page);
                return r;
        }
        json_text_join_lines(page.results, page.results_size);
        *ret = page;
        return 0;
}

void page_wire_done(struct page_wire *p)
{
        free(p->next);
        p->next = NULL;
}
