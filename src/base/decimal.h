/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */
#pragma once

/* Money on the wire: decimal strings, exact, no binary fractions.  Pure; fuzzed. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* numeric(12,2): at most ten digits before the point and two after. */
#define MONEY_MAX_CENTS INT64_C(999999999999)
#define MONEY_SIZE 24

/* "12.5" -> 1250.  Digits, optionally '.' and one or more digits; trailing zeros beyond cents are fine.
 * 0; -EINVAL for no decimal; -ERANGE for negative, too large or finer than cents. */
int money_parse(const char *s, int64_t *ret_cents);
/* 1250 -> "12.50". */
void money_format(int64_t cents, char out[MONEY_SIZE]);
