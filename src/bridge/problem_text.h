/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */
#pragma once

/* Problem details with the bridge's one extension member: the product's code. A TCP client has no other way
 * to know what an error is about, since answers come in their own order. Pure. */

#include "contract/problem.h"

/* detail, errors and code may be NULL. */
void problem_text_write(struct buf *out, unsigned status, const char *slug, const char *detail,
                        const struct field_errors *errors, const char *code);
/* "ERROR+TYPE+{...}\n" */
void problem_text_line(struct buf *out, const char *type, unsigned status, const char *slug,
                       const char *detail, const struct field_errors *errors, const char *code);
