/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */
#pragma once

/* Named values beside a message: what the header table of AMQP 0-9-1 can carry, as far as anybody here needs
 * it.  An array of them ends with name NULL.  `{"x-request-id", id}` is a text. */

#include <stddef.h>
#include <stdint.h>

#include "base/macro.h"

enum header_type {
        HEADER_TEXT, /* UTF-8 without NUL */
        HEADER_NULL,
        HEADER_INT,
        HEADER_REAL,
        HEADER_BOOL,
        HEADER_LIST,  /* of all these but lists */
        HEADER_OTHER, /* it is there; what it says could not be kept */
};

struct header {
        const char *name; /* "" in a list */
        const char *text; /* HEADER_TEXT; NULL counts as "" */
        enum header_type type;
        int64_t number;             /* HEADER_INT; HEADER_BOOL: 0 or 1 */
        double real;                /* HEADER_REAL */
        const struct header *items; /* HEADER_LIST: ends with name NULL */
};

/* The first one of that name, or NULL. `headers` may be NULL, here and below. */
const struct header *header_find(const struct header *headers, const char *name);
/* Its text, or NULL when it is absent or no text. */
const char *header_text(const struct header *headers, const char *name);
size_t headers_count(const struct header *headers);

/* Deep copies in one block: first the structs (`at` aligned for them), then what they point to. */
struct headers_size {
        size_t n_structs, n_bytes;
};
struct headers_size headers_measure(const struct header *headers);
/* Writes the copy to `*structs` and `*bytes`, which move behind what was used; returns its first. */
const struct header *headers_copy(const struct header *headers, struct header **structs, char **bytes);
