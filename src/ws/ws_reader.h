/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */
#pragma once

/* What comes from a client: frames, checked as RFC 6455 wants (masks, reserved bits, order of fragments,
 * UTF-8, close codes, lengths), of which nothing but the control frames is kept.  No input or output of its
 * own; fuzzed.
 *
 * wslay's state takes 9 KB.  A client between two frames needs none of it: a reader exists from the first
 * byte of a message to its last. */

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"

struct ws_reader;

/* Takes all n bytes. `reply` gets what is to be sent for them: pongs, and the close frame of an error.
 * *reader is NULL before the first byte and after the last of a message. 0; 1: the closing handshake is
 * complete from the client's side, or it broke the rules: nothing more is to be read, `reply` is to be
 * sent, *ret_code says why (the client's code, or ours); -ENOMEM. */
int ws_reader_feed(struct ws_reader **reader, uint64_t message_max, const void *p, size_t n,
                   struct buf *reply, unsigned *ret_code);
struct ws_reader *ws_reader_free(struct ws_reader *r);

/* Frames without a reader. */
void ws_write_ping(struct buf *out);
/* `reason` has at most 123 bytes. */
void ws_write_close(struct buf *out, unsigned code, const char *reason);
