/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */
#pragma once

#include <libpq-fe.h>

/* Asks the server to cancel what `pg` runs, from a helper thread. The caller closes `pg` right afterwards and
 * never uses it again: a cancel that arrives late could otherwise hit the next statement. Best effort. */
void pg_cancel_running(PGconn *pg);
