/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */
#pragma once

/* URL pieces (RFC 3986): percent coding and query strings.  Pure; fuzzed. */

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"

/* Percent-decodes into `out` (at most n bytes, NUL-terminated); '+' is a space only with `form`.
 * Returns 0, -EINVAL for a broken escape or an encoded NUL, -ENOBUFS. */
int url_decode(const char *s, size_t n, bool form, char *out, size_t out_size);
/* Escapes everything but unreserved characters. */
void url_encode(struct buf *out, const char *s);

#define URL_QUERY_MAX 64 /* parameters; no interface of ours has a third of it */

struct url_param {
        const char *key, *value; /* borrowed from the query's own text; value "" when there was no '=' */
};

struct url_query {
        char *text; /* owned */
        struct url_param params[URL_QUERY_MAX];
        size_t n_params;
};

/* 0; -EINVAL for a broken escape or text that is not UTF-8; -E2BIG for too many; -ENOMEM. */
int url_query_parse(const char *s, size_t n, struct url_query *ret);
void url_query_done(struct url_query *q);
/* The first value of `key`, or NULL. */
const char *url_query_get(const struct url_query *q, const char *key);
