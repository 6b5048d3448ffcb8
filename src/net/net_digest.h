/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */
#pragma once

/* SHA-1, which the WebSocket handshake (RFC 6455 section 4.2.2) wants; nothing secret rests on it. */

#include <stddef.h>
#include <stdint.h>

#define NET_SHA1_BYTES 20

/* 0; -EIO when GnuTLS refuses. */
int net_sha1(const void *p, size_t n, uint8_t ret[NET_SHA1_BYTES]);
