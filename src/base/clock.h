/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */
#pragma once

/* Time as microseconds. */

#include <stddef.h>
#include <stdint.h>

typedef uint64_t usec_t; /* the one typedef: a unit, not a struct */

#define USEC_PER_MSEC ((usec_t)1000)
#define USEC_PER_SEC ((usec_t)1000000)
#define USEC_INFINITY UINT64_MAX

usec_t clock_monotonic_usec(void);
/* Processor time that the calling thread has used. */
usec_t clock_thread_usec(void);
/* Wall clock, usec since 1970 UTC. */
usec_t clock_wall_usec(void);
/* a + b without overflow; infinity absorbs. */
usec_t usec_add(usec_t a, usec_t b);
/* RFC 3339 UTC with microseconds, "2026-11-22T03:35:00.000000Z"; 28 bytes with the NUL. */
#define RFC3339_SIZE 28
void format_rfc3339(int64_t wall_usec, char out[RFC3339_SIZE]);
/* Full-jitter back-off: a random duration in [base, min(max, base << attempt)]. */
usec_t backoff_usec(unsigned attempt, usec_t base, usec_t max);
