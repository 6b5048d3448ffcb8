/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */
#pragma once

/* Which statements a connection has prepared: a set of addresses. Private to pg/. */

#include "pg/pg_query.h"

struct pg_prepared {
        const struct pg_statement **table; /* owned; open addressing, a power of two, at most half full */
        unsigned capacity, n;
};

bool pg_prepared_has(const struct pg_prepared *p, const struct pg_statement *s);
int pg_prepared_add(struct pg_prepared *p, const struct pg_statement *s); /* 0 or -ENOMEM */
void pg_prepared_remove(struct pg_prepared *p, const struct pg_statement *s);
void pg_prepared_done(struct pg_prepared *p);
