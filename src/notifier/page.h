/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */
#pragma once

/* The dashboard's files, read once and served from memory: a handful of small ones. */

#include <stddef.h>

#include "http/http_server.h"

#define PAGES_MAX 64
#define PAGE_BYTES_MAX (1024 * 1024)
#define PAGE_ETAG_SIZE 36

struct page {
        char *name, *text; /* owned */
        size_t size;
        const char *media;
        char etag[PAGE_ETAG_SIZE];
};

struct pages {
        struct page items[PAGES_MAX];
        size_t n_items;
};

/* Every file in `dir` of a kind that a browser needs; others are passed over. 0; -errno of the folder or a
 * file; -E2BIG for more than PAGES_MAX. */
int pages_load(struct pages *p, const char *dir);
void pages_done(struct pages *p);

/* "/" and "/{page}": handlers; the context is the daemon. */
int page_api_index(struct http_request *r);
int page_api_get(struct http_request *r);
