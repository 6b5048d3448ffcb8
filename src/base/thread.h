/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */
#pragma once

/* Threads beside the loop: for what blocks and cannot be asked not to. */

#include <pthread.h>
#include <stddef.h>

/* Starts one that sees no signals: those are the loop's (signalfd), and a thread that took one would swallow
 * it. name: of at most 15 bytes, for ps and gdb. stack: bytes, 0 for the system's default. ret NULL: nobody
 * joins it. 0 or a negative errno. */
int thread_start(pthread_t *ret, const char *name, size_t stack, void *(*run)(void *), void *arg);
