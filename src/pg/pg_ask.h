/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */
#pragma once

/* One blocking question to the database, for the command line. */

#include <stddef.h>

/* The first row of `sql`, which has `n` columns: values[i] is owned text, NULL for SQL NULL. 0; -ENODATA: no
 * row; -ENOTCONN, -EINVAL, -EIO with a sentence in `error`; -ENOMEM. */
int pg_ask(const char *conninfo, const char *sql, char **values, size_t n, char *error, size_t error_size);
