/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */

#include <dirent.h>
#include <errno.h>
#include <stdio.h>

#include "auth/auth_digest.h"
#include "base/alloc.h"
#include "base/fd.h"
#include "base/str.h"
#include "http/http_list.h"
#include "notifier/notifier.h"

/* Nothing from elsewhere, nothing inline, in nobody's frame; the live stream is of the same origin. */
#define POLICY                                                                                               \
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "      \
        "manifest-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

static const struct {
        const char *suffix, *media;
} kinds[] = {
        {".html", "text/html; charset=utf-8"},
        {".js", "text/javascript; charset=utf-8"},
        {".css", "text/css; charset=utf-8"},
        {".svg", "image/svg+xml"},
        {".png", "image/png"},
};

static const char *media_of(const char *name)
{
        for (size_t i = 0; i < ARRAY_SIZE(kinds); i++)
                if (name[0] != '.' && endswith(name, kinds[i].suffix))
                        return kinds[i].media;
        return NULL;
}

/* ---- Loading ---- */

static void make_etag(struct page *p)
{
        char hex[AUTH_DIGEST_HEX_SIZE];
        struct auth_digest digest;

        auth_digest_init(&digest);
        auth_digest_add(&digest, p->text, p->size);
        auth_digest_hex(&digest, hex);
        (void)snprintf(p->etag, sizeof(p->etag), "\"%.32s\"", hex);
}

static int load_page(struct pages *all, const char *dir, const char *name, const char *media)
{
        struct page *p = &all->items[all->n_items];
        _cleanup_free_ char *path = NULL;
        int r;

        if (all->n_items == PAGES_MAX)
                return -E2BIG;
        if (asprintf(&path, "%s/%s", dir, name) < 0) {
                path = NULL;
                return -ENOMEM;
        }
        *p = (struct page){.media = media};
        r = fd_read_file(path, PAGE_BYTES_MAX, &p->text, &p->size);
        if (r < 0)
                return r;
        all->n_items++;
        make_etag(p);
        return strdup_to(&p->name, name);
}

static void closedirp(DIR **d)
{
        if (*d)
                closedir(*d);
}

int pages_load(struct pages *p, const char *dir)
{
        _cleanup_(closedirp) DIR *d = opendir(dir);
        const struct dirent *entry;
        int r;

        if (!d)
                return -errno;
        while ((entry = readdir(d))) {
                const char *media = media_of(entry->d_name);

                if (!media)
                        continue;
                r = load_page(p, dir, entry->d_name, media);
                if (r < 0)
                        return r;
        }
        return 0;
}

void pages_done(struct pages *p)
{
        for (size_t i = 0; i < p->n_items; i++) {
                free(p->items[i].name);
                free(p->items[i].text);
        }
        p->n_items = 0;
}

/* ---- Serving ---- */

static const struct page *find(const struct pages *all, const char *name)
{
        for (size_t i = 0; i < all->n_items; i++)
                if (streq(all->items[i].name, name))
                        return &all->items[i];
        return NULL;
}

static int serve(struct http_request *r, const char *name)
{
        struct notifier *d = http_request_context(r);
        const struct page *p = find(&d->pages, name);
        struct buf body = BUF_EMPTY;

        if (!p) {
                http_reply_problem(r, 404, "not-found", "there is nothing at this path");
                return 0;
        }
        http_reply_header(r, "ETag", p->etag);
        http_reply_header(r, "Content-Security-Policy", POLICY);
        http_reply_header(r, "Referrer-Policy", "no-referrer");
        http_reply_header(r, "Cross-Origin-Opener-Policy", "same-origin");
        if (http_list_has(http_request_header(r, "If-None-Match"), p->etag, false)) {
                http_reply_empty(r, 304);
                return 0;
        }
        buf_append(&body, p->text, p->size);
        if (buf_error(&body) < 0)
                return -ENOMEM;
        http_reply_buf(r, 200, p->media, &body);
        buf_done(&body);
        return 0;
}

int page_api_index(struct http_request *r)
{
        return serve(r, "index.html");
}

int page_api_get(struct http_request *r)
{
        return serve(r, http_request_segment(r, "page"));
}
