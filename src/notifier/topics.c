/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */

#include <errno.h>
#include <string.h>

#include "base/alloc.h"
#include "base/str.h"
#include "notifier/topics.h"

#define WORD_CHARS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-"

/* ---- Matching ---- */

static const char *next_word(const char *s)
{
        const char *dot = strchr(s, '.');

        return dot ? dot + 1 : NULL;
}

static bool is_word(const char *s, char c)
{
        return s[0] == c && (s[1] == '.' || s[1] == '\0');
}

static bool is_same_word(const char *a, const char *b)
{
        size_t n = strcspn(a, ".");

        return n == strcspn(b, ".") && memcmp(a, b, n) == 0;
}

/* As with shell patterns it is enough to go back to the last "#": an earlier one has had its chance. */
bool topic_matches(const char *pattern, const char *type)
{
        const char *p = pattern, *t = type, *after_hash = NULL, *tried = NULL;

        while (t) {
                if (p && is_word(p, '#')) {
                        p = after_hash = next_word(p);
                        if (!p)
                                return true;
                        tried = t;
                } else if (p && (is_word(p, '*') || is_same_word(p, t))) {
                        p = next_word(p);
                        t = next_word(t);
                } else if (tried) {
                        t = tried = next_word(tried);
                        p = after_hash;
                } else
                        return false;
        }
        while (p && is_word(p, '#'))
                p = next_word(p);
        return !p;
}

bool topics_match(const struct topics *t, const char *type)
{
        for (size_t i = 0; i < t->n_items; i++)
                if (topic_matches(t->items[i], type))
                        return true;
        return false;
}

/* ---- Reading ---- */

static bool is_pattern(const char *s)
{
        for (const char *word = s; word; word = next_word(word)) {
                size_t n = strcspn(word, ".");

                if (n == 0 || (!is_word(word, '*') && !is_word(word, '#') && strspn(word, WORD_CHARS) != n))
                        return false;
        }
        return true;
}

static int split(struct topics *t, size_t items_max, const char **ret_reason)
{
        for (char *s = t->words, *comma; s; s = comma ? comma + 1 : NULL) {
                comma = strchr(s, ',');
                if (comma)
                        *comma = '\0';
                if (t->n_items == items_max) {
                        *ret_reason = "has too many patterns";
                        return -EINVAL;
                }
                if (strlen(s) > TOPIC_SIZE_MAX || !is_pattern(s)) {
                        *ret_reason = "must be patterns such as record.*,product.# with commas between them "
                                      "(in a URL # is %23)";
                        return -EINVAL;
                }
                t->items[t->n_items++] = s;
        }
        return 0;
}

static struct topics *topics_free(struct topics *t)
{
        if (!t)
                return NULL;
        free(t->items);
        free(t->words);
        free(t->text);
        free(t);
        return NULL;
}
DEFINE_FREEP(struct topics, topics_free)

int topics_get(struct map *book, const char *text, size_t items_max, struct topics **ret,
               const char **ret_reason)
{
        _cleanup_(topics_freep) struct topics *t = NULL;
        struct map_entry *known;
        int r;

        if (!text || !*text)
                text = "#";
        known = map_get(book, text);
        if (known) {
                *ret = container_of(known, struct topics, entry);
                (*ret)->n_refs++;
                return 0;
        }
        t = new0(struct topics, 1);
        if (!t || strdup_to(&t->text, text) < 0 || strdup_to(&t->words, text) < 0)
                return -ENOMEM;
        t->items = new0(const char *, items_max);
        if (!t->items)
                return -ENOMEM;
        r = split(t, items_max, ret_reason);
        if (r < 0)
                return r;
        t->book = book;
        t->n_refs = 1;
        r = map_put(book, t->text, &t->entry);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(t);
        return 0;
}

struct topics *topics_unref(struct topics *t)
{
        if (!t || --t->n_refs > 0)
                return NULL;
        map_remove(t->book, &t->entry);
        return topics_free(t);
}
