/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */
#pragma once

/* The other way to ask: {"operation":"divide","operands":["1","3"]}, as the expression "1 / 3".  Pure. */

#include <stddef.h>

#include "base/buf.h"

#define OPERATION_OPERANDS_MAX 100

/* Appends the expression. 0; -ENOENT: no such operation; -E2BIG: it takes another number of operands;
 * -EINVAL: the operand *ret_wrong is no decimal number. Errors of the buffer are the caller's. */
int operation_write(struct buf *out, const char *operation, const char *const *operands, size_t n,
                    size_t *ret_wrong);
/* Their names, ending with NULL. */
extern const char *const operation_names[];
