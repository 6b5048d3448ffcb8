/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */

#include "base/header.h"

#include "base/str.h"

const struct header *header_find(const struct header *headers, const char *name)
{
        for (const struct header *h = headers; h && h->name; h++)
                if (streq(h->name, name))
                        return h;
        return NULL;
}

const char *header_text(const struct header *headers, const char *name)
{
        const struct header *h = header_find(headers, name);

        if (!h || h->type != HEADER_TEXT)
                return NULL;
        return h->text ? h->text : "";
}

size_t headers_count(const struct header *headers)
{
        size_t n = 0;

        for (const struct header *h = headers; h && h->name; h++)
                n++;
        return n;
}

static size_t text_size(const char *s)
{
        return s ? strlen(s) + 1 : 1;
}

struct headers_size headers_measure(const struct header *headers)
{
        struct headers_size size = {.n_structs = 1};

        for (const struct header *h = headers; h && h->name; h++) {
                size.n_structs++;
                size.n_bytes += strlen(h->name) + 1;
                if (h->type == HEADER_TEXT)
                        size.n_bytes += text_size(h->text);
                if (h->type != HEADER_LIST)
                        continue;
                size.n_structs++;
                for (const struct header *i = h->items; i && i->name; i++) {
                        size.n_structs++;
                        if (i->type == HEADER_TEXT)
                                size.n_bytes += text_size(i->text);
                }
        }
        return size;
}

static const char *copy_text(char **at, const char *s)
{
        char *start = *at;
        size_t n = text_size(s);

        memcpy(start, s ? s : "", n);
        *at += n;
        return start;
}

static const struct header *copy_items(const struct header *items, struct header **structs, char **bytes)
{
        struct header *first = *structs;

        for (const struct header *i = items; i && i->name; i++) {
                struct header *copy = (*structs)++;

                *copy = *i;
                copy->name = "";
                copy->items = NULL;
                if (i->type == HEADER_TEXT)
                        copy->text = copy_text(bytes, i->text);
        }
        *(*structs)++ = (struct header){0};
        return first;
}

const struct header *headers_copy(const struct header *headers, struct header **structs, char **bytes)
{
        struct header *first = *structs;
        size_t n = headers_count(headers);

        *structs += n + 1; /* those of lists follow the array */
        for (size_t i = 0; i < n; i++) {
                first[i] = headers[i];
                first[i].name = copy_text(bytes, headers[i].name);
                if (headers[i].type == HEADER_TEXT)
                        first[i].text = copy_text(bytes, headers[i].text);
                if (headers[i].type == HEADER_LIST)
                        first[i].items = copy_items(headers[i].items, structs, bytes);
        }
        first[n] = (struct header){0};
        return first;
}
