/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */
#pragma once

/* RFC 4648 section 4: the standard alphabet, padded.  Pure. */

#include <stddef.h>

#include "base/buf.h"

void base64_encode(struct buf *out, const void *p, size_t n);
