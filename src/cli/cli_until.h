/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */
#pragma once

/* The condition of `--until`: comparisons of a product's fields. Pure.
 *
 *     or:   and { "||" and }           and: comparison { "&&" comparison }
 *     comparison: FIELD ( "==" | "=" | "!=" | "<" | "<=" | ">" | ">=" ) VALUE      "(" or ")"
 *
 * VALUE is a number, a word, or text in '...' or "...". Numbers are compared as the decimals they are, of any
 * length; what is no number on both sides is compared as text, byte by byte (times sort that way). */

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#define CLI_UNTIL_MAX 16 /* comparisons */

struct cli_until;
/* `fields`: those that exist, ending with NULL; borrowed. 0; -EINVAL with a sentence in `error`; -ENOMEM. */
int cli_until_parse(const char *text, const char *const *fields, struct cli_until **ret, char *error,
                    size_t error_size);
struct cli_until *cli_until_free(struct cli_until *u);
static inline void cli_until_freep(struct cli_until **u)
{
        *u = cli_until_free(*u);
}
/* A field that the object lacks makes its comparison false. */
bool cli_until_is_true(const struct cli_until *u, const json_t *object);

/* "-012.50" and such: <0, 0, >0 in *ret; -EINVAL when either is no decimal. */
int cli_decimal_compare(const char *a, const char *b, int *ret);
