/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */
#include "pg/pg_place.h"

#include <errno.h>
#include <libpq-fe.h>
#include <stdio.h>
#include <string.h>

#include "base/str.h"
#include "pg/pg_params.h"

/* A list with commas, in which '/' begins the folder of a Unix socket and '@' an abstract one. */
static void add_hosts(struct buf *hosts, const char *list)
{
        for (const char *at = list; *at;) {
                size_t n = strcspn(at, ",");

                if (n > 0 && *at != '/' && *at != '@') {
                        buf_append(hosts, at, n);
                        buf_append_char(hosts, '\n');
                }
                at += n + (at[n] == ',');
        }
}

int pg_place(const char *conninfo, struct buf *hosts, bool *ret_has_password, char *error, size_t error_size)
{
        PQconninfoOption *parsed;
        char *reason = NULL;
        const char *host = NULL, *address = NULL;

        *ret_has_password = false;
        parsed = PQconninfoParse(conninfo, &reason);
        if (!parsed) {
                pg_first_line(error, error_size, reason ? reason : "out of memory");
                PQfreemem(reason);
                return -EINVAL;
        }
        for (PQconninfoOption *o = parsed; o->keyword; o++) {
                if (!o->val || !*o->val)
                        continue;
                if (streq(o->keyword, "host"))
                        host = o->val;
                else if (streq(o->keyword, "hostaddr"))
                        address = o->val;
                else if (streq(o->keyword, "password"))
                        *ret_has_password = true;
        }
        /* hostaddr= is where libpq goes; host= is then only the name in the certificate */
        if (address || host)
                add_hosts(hosts, address ? address : host);
        PQconninfoFree(parsed);
        return buf_error(hosts);
}
