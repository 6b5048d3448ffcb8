/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */
#pragma once

/* What gRPC adds to HTTP/2 (grpc/doc/PROTOCOL-HTTP2.md), bytes to values and back.  Pure; fuzzed. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/clock.h"

/* ---- Length-Prefixed-Message ---- */

#define GRPC_PREFIX_BYTES 5
struct grpc_prefix {
        bool is_compressed;
        uint32_t size;
};
/* 0; -EAGAIN: fewer than five bytes; -EBADMSG: a flag that does not exist. */
int grpc_prefix_decode(const void *p, size_t n, struct grpc_prefix *ret);
void grpc_prefix_encode(uint32_t size, uint8_t out[GRPC_PREFIX_BYTES]);

/* ---- Headers ---- */

/* "10S", "250m", "100u": at most eight digits and one of H M S m u n. 0 or -EINVAL. Nanoseconds are rounded
 * up. */
int grpc_timeout_decode(const char *s, usec_t *ret);
/* In the finest unit that takes it; at most 99999999H. */
#define GRPC_TIMEOUT_SIZE 12
void grpc_timeout_encode(usec_t timeout, char out[GRPC_TIMEOUT_SIZE]);
/* "application/grpc", "application/grpc+proto", either with parameters. */
bool grpc_content_type_is_ours(const char *s);
/* grpc-message: bytes outside of 0x20-0x7E and '%' are escaped; appended without a NUL. */
void grpc_message_encode(struct buf *out, const char *text);
/* In place; what is no escape stays as it is, as the specification wants. */
void grpc_message_decode(char *text);
/* Is this name that of binary metadata? */
bool grpc_name_is_binary(const char *name);
/* What a metadata name may be: 1 to 64 of [a-z0-9_.-], not starting with "grpc-" or ':'. */
bool grpc_name_is_valid(const char *name);
/* Base64 (RFC 4648 section 4), padded when encoding; with or without padding when decoding. */
void grpc_base64_encode(struct buf *out, const void *p, size_t n);
/* 0; -EINVAL. `out` has room for 3 * n / 4 + 3 bytes. */
int grpc_base64_decode(const char *s, size_t n, uint8_t *out, size_t *ret_size);
