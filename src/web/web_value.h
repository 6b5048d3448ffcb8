/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */
#pragma once

/* Values in a query string, by the type of their field. Pure. */

#include "web/web_list.h"

/* The SQL type that a parameter is cast to. */
const char *web_value_cast(enum web_field_type type);
/* The value as the database shall see it, owned by the caller. 0; -EBADMSG with a sentence in *ret_reason;
 * -ENOMEM. */
int web_value_read(enum web_field_type type, const char *text, char **ret, const char **ret_reason);
/* A pattern for LIKE that finds `text` anywhere: its signs escaped, between two '%'. NULL: out of memory. */
char *web_value_like(const char *text);
