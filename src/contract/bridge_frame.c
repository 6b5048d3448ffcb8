/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "contract/bridge_frame.h"

#define WORD_MAX 16 /* of a verb, type or kind; the arrays have a byte more */

/* One frame cut into its pieces, nothing decoded yet. */
struct pieces {
        const char *verb, *type, *path, *query;
        size_t verb_size, type_size, path_size, query_size;
};

/* The length of the JSON object at `text`, up to its closing brace; 0 when it does not end here. Braces and
 * '+' inside strings count for nothing. */
static size_t object_length(const char *text, size_t n)
{
        bool in_string = false;
        unsigned depth = 0;

        for (size_t i = 0; i < n; i++) {
                char c = text[i];

                if (in_string) {
                        if (c == '\\')
                                i++;
                        else if (c == '"')
                                in_string = false;
                } else if (c == '"')
                        in_string = true;
                else if (c == '{')
                        depth++;
                else if (c == '}' && --depth == 0)
                        return i + 1;
        }
        return 0;
}

static const char *const incomplete = "a request is VERB+TYPE+PATH+QUERY";

/* NULL when the frame is whole, else what is wrong. */
static const char *split(const char *line, size_t n, struct pieces *ret)
{
        const char *end = line + n, *plus = memchr(line, '+', n);
        struct pieces p = {.verb = line};

        if (!plus)
                return incomplete;
        p.verb_size = (size_t)(plus - line);
        p.type = plus + 1;
        plus = memchr(p.type, '+', (size_t)(end - p.type));
        if (!plus)
                return incomplete;
        p.type_size = (size_t)(plus - p.type);
        p.path = plus + 1;
        if (p.path == end)
                return incomplete;
        if (*p.path == '{') {
                p.path_size = object_length(p.path, (size_t)(end - p.path));
                if (p.path_size == 0)
                        return "PATH is a JSON object without its closing brace";
        } else if (*p.path != '+')
                return "PATH must be a JSON object";
        p.query = p.path + p.path_size;
        if (p.query == end)
                return incomplete;
        if (*p.query != '+')
                return "a '+' must follow PATH";
        p.query++;
        p.query_size = (size_t)(end - p.query);
        *ret = p;
        return NULL;
}

bool bridge_request_is_complete(const char *text, size_t n)
{
        struct pieces p;

        return !split(text, n, &p);
}

static int copy_word(const char *s, size_t n, char out[WORD_MAX + 1])
{
        if (n > WORD_MAX)
                return -EBADMSG;
        for (size_t i = 0; i < n; i++)
                if (!(s[i] >= 'A' && s[i] <= 'Z') && !(s[i] >= '0' && s[i] <= '9') && s[i] != '_' &&
                    s[i] != '-')
                        return -EBADMSG;
        memcpy(out, s, n);
        out[n] = '\0';
        return 0;
}

static int decode_path(const struct pieces *p, json_t **ret, char reason[160])
{
        struct field_errors errors = {0};
        int r;

        if (p->path_size == 0) {
                *ret = json_object();
                return *ret ? 0 : -ENOMEM;
        }
        r = jread_text(p->path, p->path_size, ret, &errors);
        if (r == -EBADMSG)
                (void)snprintf(reason, 160, "PATH %.150s", errors.errors[0].reason);
        return r;
}

static int decode_query(const struct pieces *p, struct url_query *ret, char reason[160])
{
        int r = url_query_parse(p->query, p->query_size, ret);

        if (r == 0 || r == -ENOMEM)
                return r;
        (void)snprintf(reason, 160, "%s",
                       r == -E2BIG ? "QUERY has too many parameters"
                                   : "QUERY must be a URL query string in UTF-8");
        return -EBADMSG;
}

int bridge_request_decode(const char *line, size_t n, struct bridge_request *ret, char reason[160])
{
        struct bridge_request request = {0};
        const char *wrong = NULL;
        struct pieces p;
        int r;

        if (n > BRIDGE_LINE_MAX)
                wrong = "the line is too long";
        if (!wrong)
                wrong = split(line, n, &p);
        if (!wrong && (p.verb_size == 0 || copy_word(p.verb, p.verb_size, request.verb) < 0))
                wrong = "VERB must be 1 to 16 upper-case letters";
        if (!wrong && copy_word(p.type, p.type_size, request.type) < 0)
                wrong = "TYPE must be at most 16 upper-case letters";
        if (wrong) {
                (void)snprintf(reason, 160, "%s", wrong);
                return -EBADMSG;
        }
        r = decode_path(&p, &request.path, reason);
        if (r < 0)
                return r;
        r = decode_query(&p, &request.query, reason);
        if (r < 0) {
                bridge_request_done(&request);
                return r;
        }
        *ret = request;
        return 0;
}

void bridge_request_done(struct bridge_request *r)
{
        url_query_done(&r->query);
        json_decref(r->path);
        r->path = NULL;
}

static int append_json(const char *text, size_t n, void *out)
{
        buf_append(out, text, n);
        return 0;
}

void bridge_request_encode(struct buf *out, const char *verb, const char *type, json_t *path,
                           const char *query)
{
        buf_append_str(out, verb);
        buf_append_char(out, '+');
        buf_append_str(out, type);
        buf_append_char(out, '+');
        if (!path)
                buf_append(out, "{}", 2);
        else if (json_dump_callback(path, append_json, out, JSON_COMPACT) < 0)
                out->failed = true; /* only memory can lack: path is an object */
        buf_append_char(out, '+');
        buf_append_str(out, query ? query : "");
        buf_append_char(out, '\n');
}

void bridge_answer_encode(struct buf *out, const char *kind, const char *type, const char *data, size_t n)
{
        buf_append_str(out, kind);
        buf_append_char(out, '+');
        buf_append_str(out, type);
        buf_append_char(out, '+');
        buf_append(out, data, n);
        buf_append_char(out, '\n');
}

int bridge_answer_decode(const char *line, size_t n, struct bridge_answer *ret)
{
        const char *end = line + n, *first = memchr(line, '+', n), *second;
        struct bridge_answer a = {0};

        if (!first || first == line)
                return -EBADMSG;
        second = memchr(first + 1, '+', (size_t)(end - first - 1));
        if (!second || copy_word(line, (size_t)(first - line), a.kind) < 0 ||
            copy_word(first + 1, (size_t)(second - first - 1), a.type) < 0)
                return -EBADMSG;
        a.data = second + 1;
        a.data_size = (size_t)(end - a.data);
        *ret = a;
        return 0;
}
