/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */

/* web_guard.c's rules for calls: metadata "authorization: Bearer <token>", else AnonymousRead=, else
 * UNAUTHENTICATED. */

#include <errno.h>
#include <inttypes.h>

#include "base/str.h"
#include "web/web_private.h"
#include "web/web_rpc.h"
#include "web/web_write.h"

#define CHECK_USEC (10 * USEC_PER_SEC)

struct guard { /* in the call's guard slot */
        struct rpc_call *call;
        struct auth_identity identity;
        struct auth_check check;
        struct auth_hold hold; /* of a stream */
};

static void guard_done(void *p)
{
        struct guard *g = p;

        auth_check_done(&g->check);
        auth_hold_drop(&g->hold);
}

static struct web *web_of_call(const struct rpc_call *c)
{
        return rpc_call_context(c);
}

const struct auth_identity *web_rpc_identity(const struct rpc_call *c)
{
        return rpc_call_identity(c);
}

static unsigned scope_of(const struct guard *g)
{
        return rpc_call_method(g->call)->scope;
}

static void pass(struct guard *g)
{
        rpc_call_set_identity(g->call, &g->identity);
        if (g->identity.user[0])
                rpc_call_set_user(g->call, g->identity.user);
        rpc_call_pass(g->call);
}

static void refuse_token(struct rpc_call *c)
{
        rpc_call_problem(c, 401, "invalid-token", "the token is unknown, expired or revoked");
}

static void on_told(struct auth_hold *h, bool ended)
{
        struct guard *g = container_of(h, struct guard, hold);

        if (ended)
                rpc_call_problem(g->call, 401, "invalid-token", "the session has ended");
}

/* A stream may outlive the session. */
static int watch_session(struct guard *g, unsigned scope)
{
        struct auth_watch *sessions = web_of_call(g->call)->sessions;

        if (rpc_call_method(g->call)->kind == RPC_UNARY || !sessions)
                return 0;
        return auth_hold_take(&g->hold, sessions, web_token_of(rpc_call_header(g->call, "authorization")),
                              scope, on_told);
}

bool web_rpc_may_send(const struct rpc_call *c)
{
        const struct guard *g = container_of(web_rpc_identity(c), const struct guard, identity);

        return auth_hold_is_fresh(&g->hold);
}

static void on_checked(struct auth_check *check)
{
        struct guard *g = container_of(check, struct guard, check);
        unsigned scope = scope_of(g) & (AUTH_READ | AUTH_WRITE | AUTH_ADMIN);
        char words[AUTH_SCOPES_SIZE];
        int r;

        if (check->status == -EACCES)
                refuse_token(g->call);
        else if (check->status < 0)
                rpc_call_error(g->call, check->status);
        else if (!auth_allows(&check->who, scope)) {
                auth_scopes_format(scope, words);
                rpc_call_problem(g->call, 403, "insufficient-scope", "this needs the scope %s", words);
        } else {
                g->identity = check->who;
                r = watch_session(g, scope);
                if (r < 0)
                        rpc_call_error(g->call, r);
                else
                        pass(g);
        }
}

static void check_token(struct guard *g, const char *token)
{
        struct web *web = web_of_call(g->call);
        /* A stream has no deadline, but the question who asks for it has one. */
        usec_t patience = usec_add(clock_monotonic_usec(), CHECK_USEC);
        int r = -EINVAL;

        if (token && web->pool)
                r = auth_check_submit(&g->check, web->pool, token,
                                      MIN_OF(rpc_call_deadline(g->call), patience), on_checked);
        if (r == -EINVAL)
                refuse_token(g->call);
        else if (r < 0)
                rpc_call_error(g->call, r);
}

static void try_anonymous(struct guard *g)
{
        const struct rpc_call *c = g->call;
        bool is_local = rpc_call_peer(c)->is_loopback && !rpc_call_is_forwarded(c);

        if (scope_of(g) & WEB_SCOPE_LOCAL && is_local)
                pass(g);
        else if ((scope_of(g) & ~(unsigned)WEB_SCOPE_LOCAL) == AUTH_READ &&
                 web_may_read(web_of_call(c), is_local)) {
                g->identity.scopes = AUTH_READ;
                pass(g);
        } else
                rpc_call_problem(g->call, 401, "authentication-required",
                                 "this needs the metadata authorization: Bearer and a token");
}

void web_rpc_guard(struct rpc_call *c)
{
        struct guard *g = rpc_call_guard(c, sizeof(*g), guard_done);
        const char *authorization = rpc_call_header(c, "authorization");

        if (!g) {
                rpc_call_error(c, -ENOMEM);
                return;
        }
        g->call = c;
        if (scope_of(g) == 0)
                pass(g);
        else if (authorization)
                check_token(g, web_token_of(authorization));
        else
                try_anonymous(g);
}

/* ---- writing ---- */

int web_rpc_read_key(struct rpc_call *c, const char **ret)
{
        const char *key = rpc_call_header(c, "idempotency-key");

        if (key && !web_key_is_valid(key)) {
                rpc_call_problem(c, 400, "invalid-input",
                                 "idempotency-key must be 1 to %d printable ASCII characters", WEB_KEY_MAX);
                return 1;
        }
        *ret = key;
        return 0;
}

void web_rpc_fail_write(struct rpc_call *c, int status, const char *sqlstate, const char *error)
{
        if (status == -EIO) {
                rpc_call_log_field(c, "SQLSTATE", sqlstate);
                rpc_call_log_field(c, "DATABASE_ERROR", error);
                if (pg_sqlstate_is_passing(sqlstate)) {
                        rpc_call_problem(c, 503, "database-busy", "the change was not made; try again");
                        return;
                }
        }
        rpc_call_error(c, status);
}

/* ---- doors ---- */

static int load_tls(struct net_tls **tls)
{
        int r = net_tls_load(tls);

        if (r < 0)
                return log_error_errno(r, "The grpcs socket needs the credentials tls.crt and tls.key: %m");
        (*tls)->alpn = "h2";
        return 0;
}

int web_rpc_doors_open(struct rpc_server *server, struct service *service, struct net_tls **tls)
{
        const struct listen_set *set = service_listeners(service);
        int r;

        for (size_t i = 0; i < set->n_sockets; i++) {
                const struct listen_socket *s = &set->sockets[i];
                bool is_tls = streq(s->door->name, "grpcs");

                if (!is_tls && !streq(s->door->name, "grpc"))
                        continue;
                if (is_tls && !*tls) {
                        r = load_tls(tls);
                        if (r < 0)
                                return r;
                }
                r = rpc_server_listen(server, s->fd, is_tls ? *tls : NULL);
                if (r < 0)
                        return log_error_errno(r, "Cannot serve the socket %s: %m", s->door->name);
        }
        return 0;
}

/* ---- figures ---- */

void web_rpc_metrics(struct buf *out, const struct rpc_server *server)
{
        const struct rpc_metrics *m = rpc_server_metrics(server);
        const struct web_metric metrics[] = {
                {"lonja_grpc_connections", "gauge", "Open gRPC connections.", m->n_connections},
                {"lonja_grpc_calls_open", "gauge", "Calls under way.", m->n_open},
                {"lonja_grpc_buffered_bytes", "gauge", "Messages on their way in and out.", m->buffered},
                {"lonja_grpc_messages_received_total", "counter", "Messages of clients.", m->n_messages_in},
                {"lonja_grpc_messages_sent_total", "counter", "Messages to clients.", m->n_messages_out},
                {"lonja_grpc_refused_total", "counter", "Calls refused beyond a limit.", m->n_refused},
                {"lonja_grpc_punished_total", "counter",
                 "Connections ended for floods or for not being HTTP/2.", m->n_punished},
        };

        web_metric_family(out, "lonja_grpc_calls_total", "counter", "Calls that ended, by code.");
        for (int i = 0; i < GRPC_CODES; i++)
                if (m->n_calls[i] > 0 || i == GRPC_OK)
                        buf_printf(out, "lonja_grpc_calls_total{code=\"%s\"} %" PRIu64 "\n",
                                   grpc_code_name((enum grpc_code)i), m->n_calls[i]);
        web_metrics(out, metrics, ARRAY_SIZE(metrics));
}
