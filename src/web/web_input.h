/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */
#pragma once

/* What handlers demand of a request before they look into it. Each answers what is wrong itself and then
 * returns 1; 0 goes on. */

#include "http/http_request.h"

/* Refuses every parameter of the query string but those named (NULL-terminated list, NULL = none allowed):
 * 400, not ignored. */
int web_input_parameters(struct http_request *r, const char *const *known);
/* 415 unless the Content-Type is one of `types` (NULL-terminated); says which one it was. */
int web_input_media(struct http_request *r, const char *const *types, size_t *ret_index);
