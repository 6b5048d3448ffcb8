/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */
#pragma once

/* Between the files of web/ only. */

#include "web/web.h"

struct web *web_of(const struct http_request *r);
/* What follows "Bearer " in a header's value, which may be NULL; or NULL. */
const char *web_token_of(const char *header);
/* AnonymousRead=, for somebody who is local: on loopback with no proxy in between. */
bool web_may_read(const struct web *web, bool is_local);
void web_metrics_write(struct web *w, struct buf *out);
