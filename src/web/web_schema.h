/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */
#pragma once

/* The OpenAPI document of a daemon, put together from parts: its own and those of the routes that it shares
 * with others. A part is a JSON file that web/embed-schema makes into C. */

#include <jansson.h>
#include <stddef.h>

struct web_schema {
        const char *text;
        size_t size;
};

extern const struct web_schema web_operation_schema; /* health, and what all refer to */
extern const struct web_schema web_account_schema;   /* sessions and users */

/* Objects are united and arrays joined; where two parts disagree, the first counts. `parts` ends with NULL.
 * 0; -EBADMSG; -ENOMEM. */
int web_schema_unite(const struct web_schema *const *parts, json_t **ret);
