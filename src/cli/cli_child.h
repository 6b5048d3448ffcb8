/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */
#pragma once

/* Running another program to its end, with a limit. Secrets go to its standard input, never into its
 * arguments, which everybody can read. */

#include <pwd.h>

#include "base/buf.h"
#include "base/clock.h"

struct cli_child {
        const char *const *argv; /* ends with NULL; found in PATH */
        const char *user;  /* who it shall be, for root and where there is such a user; NULL: as we are */
        const char *input; /* NULL: none */
        usec_t limit_usec; /* then it is killed */
};

/* The exit status (128 + signal when killed); -ENOENT: there is no such program; -ETIME; -errno. Both buffers
 * are appended to and NUL-terminated. */
int cli_child_run(const struct cli_child *c, struct buf *output, struct buf *errors);

/* Gives root up for good, $HOME with it: libpq looks there for certificates. NULL: stays as it is. 0 or
 * -errno. */
int cli_become(const struct passwd *user);
