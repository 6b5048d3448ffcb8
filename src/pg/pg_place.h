/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */
#pragma once

/* Where a connection string leads, without going there. */

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"

/* Appends each TCP host or address of `conninfo`, one a line; nothing for Unix sockets. `*ret_has_password`:
 * it carries a secret. What the environment adds does not count. 0; -EINVAL with libpq's sentence; -ENOMEM.
 */
int pg_place(const char *conninfo, struct buf *hosts, bool *ret_has_password, char *error, size_t error_size);
