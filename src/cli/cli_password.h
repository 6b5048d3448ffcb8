/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */
#pragma once

/* Passwords: asked for on the terminal, without echo, or one line of stdin; never from the command line,
 * where every user of the host can read them. */

#include <stdbool.h>

/* `twice`: a new one, asked for again on a terminal. CLI_OK, or told. */
int cli_password_read(const char *prompt, const char *name, bool twice, char **ret);
/* Wipes and frees. */
void cli_password_freep(char **password);
