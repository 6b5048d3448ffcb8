/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/str.h"
#include "base/url.h"

int url_decode(const char *s, size_t n, bool form, char *out, size_t out_size)
{
        size_t length = 0;

        for (size_t i = 0; i < n; i++) {
                char c = s[i];

                if (c == '%') {
                        char hex[3] = {0};

                        if (n - i < 3)
                                return -EINVAL;
                        memcpy(hex, s + i + 1, 2);
                        if (hex_decode(hex, &c, 1) < 0)
                                return -EINVAL;
                        i += 2;
                } else if (c == '+' && form)
                        c = ' ';
                if (c == '\0')
                        return -EINVAL;
                if (length + 1 >= out_size)
                        return -ENOBUFS;
                out[length++] = c;
        }
        if (length >= out_size)
                return -ENOBUFS;
        out[length] = '\0';
        return 0;
}

static bool is_unreserved(char c)
{
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
               (c && strchr("-._~", c));
}

void url_encode(struct buf *out, const char *s)
{
        for (; *s; s++)
                if (is_unreserved(*s))
                        buf_append_char(out, *s);
                else
                        buf_printf(out, "%%%02X", (unsigned char)*s);
}

/* Decodes n bytes where they stand: the result is never longer, and what follows it is not needed again. */
static int decode_in_place(char *s, size_t n)
{
        int r = url_decode(s, n, true, s, n + 1);

        if (r < 0)
                return r;
        return utf8_is_valid(s, strlen(s)) ? 0 : -EINVAL;
}

static int parse_param(struct url_query *q, char *s, size_t n)
{
        char *equals = memchr(s, '=', n);
        size_t key_size = equals ? (size_t)(equals - s) : n;
        struct url_param *p;
        int r;

        if (n == 0)
                return 0;
        if (q->n_params == URL_QUERY_MAX)
                return -E2BIG;
        p = &q->params[q->n_params];
        p->key = s;
        p->value = "";
        if (equals) {
                p->value = equals + 1;
                r = decode_in_place(equals + 1, n - key_size - 1);
                if (r < 0)
                        return r;
        }
        r = decode_in_place(s, key_size);
        if (r < 0)
                return r;
        q->n_params++;
        return 0;
}

int url_query_parse(const char *s, size_t n, struct url_query *ret)
{
        char *at, *end;
        int r;

        *ret = (struct url_query){.text = memdup_str(s, n)};
        if (!ret->text)
                return -ENOMEM;
        at = ret->text;
        end = at + n;
        for (;;) {
                char *amp = memchr(at, '&', (size_t)(end - at));

                r = parse_param(ret, at, (size_t)((amp ? amp : end) - at));
                if (r < 0) {
                        url_query_done(ret);
                        return r;
                }
                if (!amp)
                        return 0;
                at = amp + 1;
        }
}

void url_query_done(struct url_query *q)
{
        free(q->text);
        *q = (struct url_query){0};
}

const char *url_query_get(const struct url_query *q, const char *key)
{
        for (size_t i = 0; i < q->n_params; i++)
                if (streq(q->params[i].key, key))
                        return q->params[i].value;
        return NULL;
}
