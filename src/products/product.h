/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */
#pragma once

/* A product: its rules, and how one is read from JSON. Pure.
 *
 * created_at, updated_at and version belong to the server; in a body they are accepted and ignored, so that
 * what was read (or exported) can be sent back as it is. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "json/jread.h"

#define PRODUCT_CODE_MAX 64
#define PRODUCT_DESCRIPTION_MAX 10000 /* code points; a description, not a document */
#define PRODUCT_CODE_MADE_SIZE 16     /* 15 random [A-Z0-9] and a NUL: 77 bits, no look-up for a free one */

struct product {
        char *code, *description; /* owned; NULL when absent */
        int64_t buying_cents, selling_cents;
        bool has_code, has_description, has_buying, has_selling;
        json_t *ignored; /* owned; the last read-only member seen */
};

enum product_form {
        PRODUCT_WHOLE, /* description and both prices are required; code as it may be */
        PRODUCT_PATCH, /* RFC 7396: any of them; none can be removed */
};

void product_done(struct product *p);

/* 1..64 of [A-Za-z0-9._-]; not "." or "..", which no client can put into a URL path. */
bool product_code_is_valid(const char *code);
void product_code_make(char out[PRODUCT_CODE_MADE_SIZE]);

/* Into a zeroed *ret. `prefix` is put before the paths of errors. 0; -EBADMSG with every wrong field in
 * `errors`; -ENOMEM. The caller calls product_done() in any case. */
int product_read(json_t *value, enum product_form form, const char *prefix, struct product *ret,
                 struct field_errors *errors);
/* The same from the text of a body. */
int product_decode(const char *text, size_t n, enum product_form form, struct product *ret,
                   struct field_errors *errors);

/* The canonical text of a write, for the hash that an Idempotency-Key is bound to: equal for bodies that mean
 * the same. `code` is the target, NULL when it is yet to be made. */
void product_command(struct buf *out, const char *code, const struct product *p);

/* {"factor": "1.1"}: what prices are multiplied with. A decimal string > 0 with at most ten digits before the
 * point and 18 after, which keeps every product exact. The text goes to PostgreSQL as it is. */
#define PRODUCT_FACTOR_SIZE 32
int product_factor_read(json_t *value, char ret_factor[PRODUCT_FACTOR_SIZE], struct field_errors *errors);
int product_factor_decode(const char *text, size_t n, char ret_factor[PRODUCT_FACTOR_SIZE],
                          struct field_errors *errors);
