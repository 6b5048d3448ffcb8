/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */
#pragma once

/* Table-driven decoding of a JSON object into a struct, with the path of every field that is wrong.
 *
 * All errors of an object are collected, not only the first, since a person fixes them all at once. */

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"

#define JREAD_ERRORS_MAX 32 /* enough to mend a form; beyond it the rest is dropped */
#define JREAD_DEPTH_MAX 32  /* nesting accepted from outside */

struct field_error {
        char path[96];    /* "/items/3/selling_price", RFC 6901 */
        char reason[160]; /* a sentence without a full stop: "must be a decimal string" */
};

struct field_errors {
        struct field_error errors[JREAD_ERRORS_MAX];
        size_t n_errors;
};

void field_errors_add(struct field_errors *e, const char *path, const char *fmt, ...) _printf_(3, 4);

enum jread_type {
        JREAD_STRING, /* char **, owned copy; UTF-8 without NUL */
        JREAD_MONEY,  /* int64_t cents; a JSON string such as "12.50" (a number is an error: it would be
                         inexact) */
        JREAD_BOOL,   /* bool */
        JREAD_INT,    /* int64_t within min..max */
        JREAD_JSON,   /* json_t **, owned reference, any value */
};

struct jread_field {
        const char *name;
        enum jread_type type;
        size_t offset;  /* of the value in the struct */
        size_t present; /* of a bool in the struct that is set when the field was there; 0 = none */
        bool required;
        bool nullable;       /* null clears (present = true, value NULL); only strings and JSON */
        int64_t min, max;    /* JREAD_INT: values; JREAD_STRING: code points (max 0 = 1 MiB) */
        const char *charset; /* JREAD_STRING: allowed bytes, or NULL */
};

/* Parses text: one value, no duplicate keys, no trailing bytes, bounded depth.  0; -EBADMSG with one
 * entry in `errors` (path "" and the position in its reason); -ENOMEM. */
int jread_text(const char *text, size_t n, json_t **ret, struct field_errors *errors);

/* Decodes an object; unknown members are errors.  0; -EBADMSG with entries in `errors` (`prefix` is put
 * before each path); -ENOMEM.  What was decoded before an error stays in `into`: its _done() frees it. */
int jread_object(json_t *value, const struct jread_field *fields, size_t n_fields, const char *prefix,
                 void *into, struct field_errors *errors);

#define _cleanup_json_ _cleanup_(json_decrefp)
