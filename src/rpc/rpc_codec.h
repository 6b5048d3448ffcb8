/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */
#pragma once

/* Protobuf messages, with what protobuf-c 1.4 leaves to its callers: it unpacks without a limit of depth or
 * memory, and takes strings as they come.  Pure; fuzzed. */

#include <stddef.h>

#include "base/buf.h"

struct ProtobufCMessage;
struct ProtobufCMessageDescriptor;

#define RPC_CODEC_DEPTH_MAX 32 /* messages in messages; ours have three */

/* The wire format against its descriptor. 0; -EBADMSG: none of it; -EILSEQ: a string that is not UTF-8 or
 * holds a NUL; -ELOOP: too deep. */
int rpc_codec_scan(const struct ProtobufCMessageDescriptor *type, const void *p, size_t n);
/* Scans and unpacks. The same; -E2BIG: it takes a multiple of its size in memory; -ENOMEM. ret_heap: bytes of
 * memory it takes. The caller frees it. */
int rpc_codec_decode(const struct ProtobufCMessageDescriptor *type, const void *p, size_t n,
                     struct ProtobufCMessage **ret, size_t *ret_heap);
/* Accepts NULL, returns NULL. */
struct ProtobufCMessage *rpc_codec_free(struct ProtobufCMessage *m);
/* Bytes of it on the wire. */
size_t rpc_codec_size(const struct ProtobufCMessage *m);
/* Appends them, rpc_codec_size() as `size`. 0 or -ENOMEM. */
int rpc_codec_encode(struct buf *out, const struct ProtobufCMessage *m, size_t size);
