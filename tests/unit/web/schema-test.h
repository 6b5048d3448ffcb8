/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */
#pragma once

/* What must hold of every daemon's OpenAPI document: it and the route tables say the same. */

#include "web/web.h"

struct schema_test {
        const struct web_schema *const *parts;
        const struct http_route *const *tables; /* ends with NULL */
};

int schema_test_run(const char *name, const struct schema_test *t);
