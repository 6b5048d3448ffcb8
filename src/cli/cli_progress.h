/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */
#pragma once

/* A progress line on stderr, when that is a terminal. */

#include <stdbool.h>
#include <stdint.h>

#include "base/clock.h"

struct cli_progress {
        const char *what;     /* "import"; borrowed */
        uint64_t done, total; /* bytes; total 0 = unknown */
        usec_t began_usec, shown_usec;
        bool is_shown;
};

void cli_progress_begin(struct cli_progress *p, const char *what, uint64_t total, bool quiet);
void cli_progress_add(struct cli_progress *p, uint64_t bytes);
/* Takes the line away. */
void cli_progress_end(struct cli_progress *p);
/* The line's text, for tests: "import [#####     ]  50%  1.5 MiB  3.0 MiB/s". */
void cli_progress_format(const struct cli_progress *p, usec_t now_usec, char *out, size_t out_size);
