/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */
#pragma once

/* Identifiers: request ids, event ids, Idempotency keys made here.  Randomness from getrandom(2). */

#include <stdbool.h>
#include <stddef.h>

#define ID_SIZE 33 /* 32 lower-case hex digits and a NUL */
void id_make(char out[ID_SIZE]);

/* An id from outside is 1..64 of [A-Za-z0-9._:-]; anything else is replaced, not trusted in logs. */
#define ID_FOREIGN_MAX 64
bool id_is_valid(const char *s);

void random_bytes(void *p, size_t n);
