/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */
#pragma once

/* Small string helpers. */

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

static inline bool streq(const char *a, const char *b)
{
        return strcmp(a, b) == 0;
}
/* NULL equals NULL only. */
bool streq_ptr(const char *a, const char *b);
/* What follows the prefix, or NULL. */
const char *startswith(const char *s, const char *prefix);
bool endswith(const char *s, const char *suffix);
/* Valid UTF-8 (RFC 3629: no surrogates, no overlong forms) without NUL. */
bool utf8_is_valid(const char *s, size_t n);
/* Number of code points of valid UTF-8. */
size_t utf8_length(const char *s, size_t n);
/* Lower-case hex of n bytes into out (2 n + 1 bytes). */
void hex_encode(const void *p, size_t n, char *out);
/* 0 or -EINVAL; `out` takes n bytes, `hex` must have exactly 2 n digits. */
int hex_decode(const char *hex, void *out, size_t n);
