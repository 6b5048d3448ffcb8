/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */
#pragma once

/* What the handlers of the catalogue read from a request. Each answers what is wrong itself and then returns
 * 1; 0 goes on; a negative errno is for begin to return. */

#include "http/http_request.h"
#include "pg/pg_copy.h"
#include "products/product.h"
#include "web/web_input.h"

/* The code in the path: 404 for what no product can be called. */
int product_input_code(struct http_request *r, const char **ret);
/* The answer for a code that no product has. */
void product_input_not_found(struct http_request *r, const char *code);
/* The product in the body. `target`: the code in the path; a code in the body must be the same. */
int product_input_body(struct http_request *r, enum product_form form, const char *target,
                       struct product *ret);
/* Whether it is create-only: If-None-Match: *; any other If-None-Match on a write is refused. */
int product_input_create_only(struct http_request *r, bool *ret);
/* What an SQL error of a leased connection means for its request, whose journal line gets the server's words:
 * -EBUSY for what passes (a deadlock, no room, the server stops), else -EIO. Nothing was committed. */
int product_input_session_error(struct http_request *r, const struct pg_session *session);
