/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */
#pragma once

/* Strict text to value: the whole string or an error.
 * Each returns 0; -EINVAL for what is no such value; -ERANGE for one outside the type or limits. */

#include <stdbool.h>
#include <stdint.h>

#include "base/clock.h"

int parse_bool(const char *s, bool *ret);                                /* yes/no true/false on/off 1/0 */
int parse_u64(const char *s, uint64_t min, uint64_t max, uint64_t *ret); /* decimal digits only */
int parse_i64(const char *s, int64_t *ret);
int parse_size(const char *s, uint64_t *ret); /* bytes; K M G are powers of 1024 */
int parse_usec(const char *s, usec_t *ret);   /* "90", "5min 20s", "200ms", "infinity"; bare = s */
/* RFC 3339 date-time, any offset, up to 6 fractional digits -> usec since 1970 UTC. */
int parse_rfc3339(const char *s, int64_t *ret_usec);
