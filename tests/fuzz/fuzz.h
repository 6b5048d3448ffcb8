/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */

#pragma once

/* A fuzz target is one function: with --enable-fuzzing libFuzzer calls it, otherwise standalone.c replays the
 * target's corpus, so that `make check` runs every input that was ever found worth keeping.  A target checks
 * more than that nothing crashes: what decodes must encode to what decodes to the same. */

#include <assert.h>
#include <stddef.h>
#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* assert(3) that NDEBUG cannot take away. */
#define fuzz_check(condition)                                                                                \
        do {                                                                                                 \
                if (!(condition))                                                                            \
                        __builtin_trap();                                                                    \
        } while (0)
