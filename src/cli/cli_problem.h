/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */
#pragma once

/* An error answer (RFC 9457) told to a person, on stderr. */

#include <stdbool.h>
#include <stddef.h>

void cli_problem_print(unsigned status, const char *text, size_t n);
/* Is it the problem urn:lonja:problem:<slug>? */
bool cli_problem_is(const char *text, size_t n, const char *slug);
