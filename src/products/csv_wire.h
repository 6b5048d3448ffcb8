/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */
#pragma once

/* CSV (RFC 4180), a record at a time from bytes that come in pieces. Pure; fuzzed.
 *
 * LF or CRLF ends a record; a quoted field may hold both, and quotes doubled. A record that is wrong is
 * skipped to the next line end, so that those after it can be read. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"

#define CSV_FIELDS_MAX 32
#define CSV_RECORD_MAX (256 * 1024) /* a description of 10,000 code points, and all the rest, has room */

struct csv_reader {
        uint64_t line;        /* of the next byte, from 1 */
        uint64_t record_line; /* where the record begins */
        const char *reason;   /* of -EBADMSG */
        size_t n_fields;
        /* private */
        enum { CSV_START, CSV_PLAIN, CSV_QUOTED, CSV_QUOTE_SEEN, CSV_SKIPPING } state;
        size_t ends[CSV_FIELDS_MAX]; /* into text: end of each field */
        struct buf text;             /* the fields, one behind the other */
        bool complete, was_cr;
};

void csv_reader_init(struct csv_reader *c);
void csv_reader_done(struct csv_reader *c);
/* Takes bytes from the front of *p up to the end of a record. 1: a record is there; 0: all taken, more is
 * needed; -EBADMSG: one was wrong, go on; -ENOMEM. */
int csv_reader_next(struct csv_reader *c, const char **p, size_t *n);
/* The stream is over: a last record without its line end. 1, 0 (none), -EBADMSG, -ENOMEM. */
int csv_reader_end(struct csv_reader *c);
/* A field of the record; valid until the next call. */
const char *csv_reader_field(const struct csv_reader *c, size_t i, size_t *ret_size);
