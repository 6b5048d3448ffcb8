/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */
#pragma once

/* Headers that are lists: "keep-alive, Upgrade" (RFC 9110 section 5.6.1). Pure. */

#include <stdbool.h>
#include <stddef.h>

/* The next element of *list, without the white space around it, or NULL; moves *list behind it. Empty
 * elements are passed over. */
const char *http_list_next(const char **list, size_t *ret_size);
/* A NULL list has nothing. */
bool http_list_has(const char *list, const char *element, bool ignore_case);
