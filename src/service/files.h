/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */
#pragma once

/* File descriptors for many clients. */

#include <stdint.h>

/* Raises this process' own limit (RLIMIT_NOFILE, as far as LimitNOFILE= lets it) to hold `clients` beside
 * what a daemon needs for itself. Returns for how many it suffices: `clients`, or fewer. */
uint64_t files_allow(uint64_t clients);
