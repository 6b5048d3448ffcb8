/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */
#pragma once

/* What a connection is opened with: the administrator's conninfo first, our settings where it says nothing.
 * Private to pg/. Session settings travel in the start-up packet ("options"), so they cost no round trip. */

#include <libpq-fe.h>

#include "base/clock.h"
#include "base/macro.h"

enum pg_purpose {
        PG_FOR_READS,  /* statement_timeout, read-only */
        PG_FOR_WRITES, /* statement_timeout */
        PG_FOR_LEASES, /* no time limit: its user cancels */
        PG_FOR_LISTENING,
        PG_FOR_MIGRATION,
};

/* libpq knows about 40 keywords; more than it knows are an error in PQconninfoParse() already. */
#define PG_KEYWORDS_MAX 64

struct pg_params {
        const char *keywords[PG_KEYWORDS_MAX + 1], *values[PG_KEYWORDS_MAX + 1]; /* borrowed from below */
        unsigned n;
        PQconninfoOption *parsed; /* owned */
        char *server_options, *password, *application_name;
};

/* `statement_timeout_usec`: shared lanes only; 0 or infinity is none. 0; -EINVAL with libpq's sentence in
 * `error`; -ENOMEM; -errno of reading the credential. */
int pg_params_init(struct pg_params *p, const char *conninfo, enum pg_purpose purpose,
                   const char *application_name, usec_t statement_timeout_usec, char *error,
                   size_t error_size);
void pg_params_done(struct pg_params *p);
/* The value that the server will be given, or NULL. */
const char *pg_params_get(const struct pg_params *p, const char *keyword);

/* The first line of libpq's many-lined messages. */
void pg_first_line(char *out, size_t out_size, const char *message);
