/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/fd.h"
#include "base/str.h"
#include "service/conf.h"

#define CONF_FILE_MAX (1 << 20) /* far more than any person writes */

struct load {
        const struct conf_table *tables;
        void *conf;
        struct buf *messages;
        bool failed;
};

/* Remembers that something is wrong and goes on, so that every error of every file is told. */
static int note(struct load *l, int r)
{
        if (r != -EINVAL)
                return r;
        l->failed = true;
        return 0;
}

static int load_file(struct load *l, const char *path, bool shared)
{
        _cleanup_free_ char *text = NULL;
        size_t n;
        int r;

        r = fd_read_file(path, CONF_FILE_MAX, &text, &n);
        if (r == -ENOENT)
                return 0;
        if (r == -ENOMEM)
                return r;
        if (r < 0) {
                buf_printf(l->messages, "%s:0: cannot be read: %s\n", path, strerror(-r));
                return note(l, -EINVAL);
        }
        return note(l, conf_parse_text(path, text, n, shared, l->tables, l->conf, l->messages));
}

static int is_drop_in(const struct dirent *entry)
{
        return entry->d_name[0] != '.' && endswith(entry->d_name, ".conf");
}

/* By byte value: alphasort(3) follows the locale, and order decides who wins. */
static int by_name(const struct dirent **a, const struct dirent **b)
{
        return strcmp((*a)->d_name, (*b)->d_name);
}

/* dir/name followed by `suffix`; NULL when out of memory. */
static char *make_path(const char *dir, const char *name, const char *suffix)
{
        struct buf path = BUF_EMPTY;

        buf_printf(&path, "%s/%s%s", dir, name, suffix);
        return buf_take(&path, NULL);
}

static int load_drop_ins(struct load *l, const char *dir, bool shared)
{
        struct dirent **entries = NULL;
        int n, r = 0;

        n = scandir(dir, &entries, is_drop_in, by_name);
        if (n < 0) {
                if (errno == ENOENT)
                        return 0;
                if (errno == ENOMEM)
                        return -ENOMEM;
                buf_printf(l->messages, "%s:0: cannot be read: %s\n", dir, strerror(errno));
                return note(l, -EINVAL);
        }
        for (int i = 0; i < n; i++) {
                _cleanup_free_ char *path = make_path(dir, entries[i]->d_name, "");

                if (r == 0)
                        r = path ? load_file(l, path, shared) : -ENOMEM;
                free(entries[i]);
        }
        free(entries);
        return r;
}

static int load_pair(struct load *l, const char *dir, const char *name, bool shared)
{
        _cleanup_free_ char *file = make_path(dir, name, ".conf");
        _cleanup_free_ char *drop_ins = make_path(dir, name, ".conf.d");
        int r;

        if (!file || !drop_ins)
                return -ENOMEM;
        r = load_file(l, file, shared);
        if (r < 0)
                return r;
        return load_drop_ins(l, drop_ins, shared);
}

int conf_load(const char *dir, const char *word, const struct conf_table *tables, void *conf,
              struct buf *messages)
{
        struct load l = {.tables = tables, .conf = conf, .messages = messages};
        int r;

        r = conf_set_defaults(tables, conf);
        if (r == 0)
                r = load_pair(&l, dir, "lonja", true);
        if (r == 0)
                r = load_pair(&l, dir, word, false);
        if (r == 0 && l.failed)
                r = -EINVAL;
        if (r == 0)
                r = buf_error(messages);
        if (r < 0)
                conf_done(tables, conf);
        return r;
}
