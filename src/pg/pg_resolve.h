/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */
#pragma once

/* Host names to addresses off the loop: libpq's asynchronous connect calls getaddrinfo(3), which blocks for
 * as long as a name server is silent. Private to pg/. */

#include <stdbool.h>

#include "service/loop.h"

struct pg_resolve_work;
struct pg_resolve { /* embedded; zeroed before the first use */
        void (*done)(struct pg_resolve *r);
        /* Result: lists for libpq's host, hostaddr and port, one entry per address; NULL with `error`. Owned.
         */
        char *hosts, *addresses, *ports;
        char error[160];
        /* private */
        struct pg_resolve_work *work;
        struct loop_io io;
};

/* libpq's host= and port= (NULL = default): lists with commas; socket folders and addresses stay as they are.
 * 0: done() follows from the loop; -ENOMEM, -errno. */
int pg_resolve_start(struct pg_resolve *r, sd_event *loop, const char *hosts, const char *ports,
                     void (*done)(struct pg_resolve *r));
/* Frees the result; no call-back after it. A thread that still asks is left to end by itself. */
void pg_resolve_done(struct pg_resolve *r);
/* Is there any name in it? */
bool pg_resolve_is_needed(const char *hosts);
