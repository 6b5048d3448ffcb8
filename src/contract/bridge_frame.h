/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */
#pragma once

/* The TCP bridge's frames (product.md section 4). Pure; fuzzed.
 *
 *     request: VERB+TYPE+PATH+QUERY     answer: KIND+TYPE+DATA      one per line, LF or CRLF
 *
 * PATH is a JSON object and may itself contain '+' (also inside its strings): it ends where its closing brace
 * is. QUERY is a URL query string; either may be empty ("PING++{}+"). */

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"
#include "base/url.h"
#include "json/jread.h"

#define BRIDGE_LINE_MAX                                                                                      \
        4096 /* a request: verb, type, a code of 64, a token and a few options; 4 KiB is generous */

struct bridge_request {
        char verb[17], type[17]; /* upper-case ASCII as sent */
        json_t *path;            /* owned; an object, {} when empty */
        struct url_query query;
};

/* One line without its end. 0; -EBADMSG with a sentence in `reason`; -ENOMEM. */
int bridge_request_decode(const char *line, size_t n, struct bridge_request *ret, char reason[160]);
void bridge_request_done(struct bridge_request *r);
/* Is this text (no line end yet) a complete frame? For devices that never send one (200 ms of silence). */
bool bridge_request_is_complete(const char *text, size_t n);
void bridge_request_encode(struct buf *out, const char *verb, const char *type, json_t *path,
                           const char *query);

/* KIND+TYPE+DATA\n; data is JSON text without line breaks. */
void bridge_answer_encode(struct buf *out, const char *kind, const char *type, const char *data, size_t n);
struct bridge_answer {
        char kind[17], type[17];
        const char *data; /* borrowed from the line */
        size_t data_size;
};
int bridge_answer_decode(const char *line, size_t n, struct bridge_answer *ret);
