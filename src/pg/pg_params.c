/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */
#include "pg/pg_params.h"

#include <errno.h>
#include <stdio.h>

#include "base/alloc.h"
#include "base/buf.h"
#include "base/str.h"
#include "service/service.h"

/* Settings that make results and plans independent of the server's configuration: text formats that our
 * parsers know, no JIT (it costs milliseconds on short statements), no chatter in the journal. */
#define COMMON_OPTIONS                                                                                       \
        "-c client_min_messages=warning -c jit=off -c datestyle=ISO -c timezone=UTC -c bytea_output=hex"

/* A lost peer is noticed in a minute while idle, in 15 s while data is under way; Unix sockets ignore these.
 * GSSAPI looks for Kerberos files at each connect: only who asks for it pays. connect_timeout is heeded by
 * the blocking connect only; the loop has its own timer. */
static const struct {
        const char *keyword, *value;
} defaults[] = {
        {"client_encoding", "UTF8"}, {"keepalives_idle", "30"},     {"keepalives_interval", "10"},
        {"keepalives_count", "3"},   {"tcp_user_timeout", "15000"}, {"gssencmode", "disable"},
        {"connect_timeout", "10"},
};

const char *pg_params_get(const struct pg_params *p, const char *keyword)
{
        for (unsigned i = 0; i < p->n; i++)
                if (streq(p->keywords[i], keyword))
                        return p->values[i];
        return NULL;
}

static void params_add(struct pg_params *p, const char *keyword, const char *value)
{
        if (p->n >= PG_KEYWORDS_MAX || pg_params_get(p, keyword))
                return;
        p->keywords[p->n] = keyword;
        p->values[p->n++] = value;
}

/* Ours first: of two settings the server takes the later, so the administrator's win. */
static int make_server_options(struct pg_params *p, enum pg_purpose purpose, usec_t statement_timeout_usec,
                               const char *theirs)
{
        struct buf b = BUF_EMPTY;
        bool shared = purpose == PG_FOR_READS || purpose == PG_FOR_WRITES;

        buf_append_str(&b, COMMON_OPTIONS);
        if (shared && statement_timeout_usec > 0 && statement_timeout_usec != USEC_INFINITY)
                buf_printf(&b, " -c statement_timeout=%llu",
                           (unsigned long long)(statement_timeout_usec / USEC_PER_MSEC));
        if (purpose == PG_FOR_READS)
                buf_append_str(&b, " -c default_transaction_read_only=on");
        if (theirs)
                buf_printf(&b, " %s", theirs);
        p->server_options = buf_take(&b, NULL);
        return p->server_options ? 0 : -ENOMEM;
}

static int params_parse(struct pg_params *p, const char *conninfo, const char **ret_options, char *error,
                        size_t error_size)
{
        char *reason = NULL;

        p->parsed = PQconninfoParse(conninfo, &reason);
        if (!p->parsed) {
                pg_first_line(error, error_size, reason ? reason : "out of memory");
                PQfreemem(reason);
                return -EINVAL;
        }
        *ret_options = NULL;
        for (PQconninfoOption *o = p->parsed; o->keyword; o++) {
                if (!o->val || !*o->val)
                        continue;
                if (streq(o->keyword, "options"))
                        *ret_options = o->val;
                else
                        params_add(p, o->keyword, o->val);
        }
        return 0;
}

int pg_params_init(struct pg_params *p, const char *conninfo, enum pg_purpose purpose,
                   const char *application_name, usec_t statement_timeout_usec, char *error,
                   size_t error_size)
{
        const char *theirs = NULL;
        int r;

        *p = (struct pg_params){0};
        r = params_parse(p, conninfo, &theirs, error, error_size);
        if (r < 0)
                goto fail;
        r = make_server_options(p, purpose, statement_timeout_usec, theirs);
        if (r < 0)
                goto fail;
        r = strdup_to(&p->application_name, application_name);
        if (r < 0)
                goto fail;
        if (!pg_params_get(p, "password")) {
                r = service_credential("database.password", &p->password);
                if (r < 0 && r != -ENOENT) {
                        snprintf(error, error_size, "cannot read the credential database.password: %s",
                                 strerror(-r));
                        goto fail;
                }
        }
        params_add(p, "options", p->server_options);
        params_add(p, "fallback_application_name", p->application_name);
        if (p->password)
                params_add(p, "password", p->password);
        for (size_t i = 0; i < ARRAY_SIZE(defaults); i++)
                params_add(p, defaults[i].keyword, defaults[i].value);
        return 0;

fail:
        pg_params_done(p);
        return r;
}

void pg_params_done(struct pg_params *p)
{
        PQconninfoFree(p->parsed);
        free(p->server_options);
        free(p->password);
        free(p->application_name);
        *p = (struct pg_params){0};
}

void pg_first_line(char *out, size_t out_size, const char *message)
{
        snprintf(out, out_size, "%.*s", (int)strcspn(message, "\n"), message);
}
