/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */
#pragma once

/* Entity tags (RFC 9110, 8.8.3 and 13.1): ours are versions, strong: "7". Pure; fuzzed. */

#include <stdbool.h>
#include <stdint.h>

#define WEB_ETAG_SIZE 24

#define WEB_MATCH_NONE (-1) /* no If-Match */
#define WEB_MATCH_ANY (-2)  /* If-Match: * */
#define WEB_MATCH_NEVER                                                                                      \
        INT64_MAX /* a tag that is none of ours: no version is that large, so it mismatches                  \
                   */

void web_etag_format(int64_t version, char out[WEB_ETAG_SIZE]);
/* If-Match: one tag or "*". A weak or foreign tag is WEB_MATCH_NEVER. 0; -EINVAL for what is no tag; -E2BIG
 * for several, which would mean that the writer does not know what it changes. */
int web_if_match_parse(const char *header, int64_t *ret);
/* If-None-Match: a list or "*", compared weakly. What is malformed matches nothing. */
bool web_if_none_match(const char *header, int64_t version);
