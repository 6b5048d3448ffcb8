/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */
#pragma once

/* The bridge's commands: what a line means. */

#include "bridge/session.h"

/* One line without its end. `bare`: it had none. Afterwards the session is OPEN (answered), ASKING or
 * LEAVING. */
void session_request(struct session *s, const char *line, size_t n, bool bare);
/* Accepts NULL; the answer, if one comes, is dropped. */
struct session_ask *session_ask_free(struct session_ask *a);
/* All output has been sent. */
void session_ask_drained(struct session_ask *a);
/* After a reload: may it still read what it watches? Ends the watches if not. */
void session_check_right(struct session *s);
