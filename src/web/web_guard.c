/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */

/* Who may do what a route asks for.
 *
 *     admin door                          -> admin, its uid in the journal
 *     route of scope 0                    -> anybody (a stale token must not keep one from logging in)
 *     Authorization: Bearer <token>       -> one primary-key read, then the scopes
 *     none, WEB_SCOPE_LOCAL, from here    -> passes
 *     none, only AUTH_READ asked          -> AnonymousRead=
 *     none                                -> 401 (RFC 6750)
 *
 * "From here" is loopback with no proxy in between: behind one, everybody comes from 127.0.0.1. */

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/macro.h"
#include "http/http_list.h"
#include "web/web_private.h"

#define SUBPROTOCOL "bearer."

struct guard { /* in the request's guard slot */
        struct http_request *request;
        struct auth_identity identity;
        struct auth_check check;
};

static void guard_done(void *p)
{
        struct guard *g = p;

        auth_check_done(&g->check);
}

struct web *web_of(const struct http_request *r)
{
        return http_request_context(r);
}

const struct auth_identity *web_identity(const struct http_request *r)
{
        return http_request_identity(r);
}

static unsigned scope_of(const struct http_request *r)
{
        return http_request_route(r)->scope;
}

bool web_may_read(const struct web *web, bool is_local)
{
        switch (web->auth->anonymous_read) {
        case AUTH_ANONYMOUS_ALL:
                return true;
        case AUTH_ANONYMOUS_LOOPBACK:
                return is_local;
        default:
                return false;
        }
}

static bool is_local(const struct http_request *r)
{
        return http_request_peer(r)->is_loopback && !http_request_is_forwarded(r);
}

static void refuse_token(struct http_request *r)
{
        http_reply_header(r, "WWW-Authenticate", "Bearer realm=\"lonja\", error=\"invalid_token\"");
        http_reply_problem(r, 401, "invalid-token", "the token is unknown, expired or revoked");
}

static void refuse_anonymous(struct http_request *r)
{
        http_reply_header(r, "WWW-Authenticate", "Bearer realm=\"lonja\"");
        http_reply_problem(r, 401, "authentication-required", "this needs Authorization: Bearer and a token");
}

static void refuse_scope(struct http_request *r, unsigned scope)
{
        char words[AUTH_SCOPES_SIZE], header[96];

        auth_scopes_format(scope, words);
        snprintf(header, sizeof(header), "Bearer realm=\"lonja\", error=\"insufficient_scope\", scope=\"%s\"",
                 words);
        http_reply_header(r, "WWW-Authenticate", header);
        http_reply_problem(r, 403, "insufficient-scope", "this needs the scope %s", words);
}

static void pass(struct guard *g)
{
        http_request_set_identity(g->request, &g->identity);
        if (g->identity.user[0])
                http_request_set_user(g->request, g->identity.user);
        http_request_pass(g->request);
}

static void pass_admin(struct guard *g)
{
        const struct net_peer *peer = http_request_peer(g->request);
        char uid[24];

        snprintf(uid, sizeof(uid), "%ld", peer->uid == (uid_t)-1 ? -1L : (long)peer->uid);
        http_request_log_field(g->request, "PEER_UID", uid);
        snprintf(g->identity.user, sizeof(g->identity.user), "uid:%s@admin", uid);
        g->identity.scopes = AUTH_READ | AUTH_WRITE | AUTH_ADMIN;
        pass(g);
}

static void on_checked(struct auth_check *c)
{
        struct guard *g = container_of(c, struct guard, check);
        unsigned scope = scope_of(g->request) & (AUTH_READ | AUTH_WRITE | AUTH_ADMIN);

        if (c->status == -EACCES)
                refuse_token(g->request);
        else if (c->status < 0)
                http_reply_error(g->request, c->status);
        else if (!auth_allows(&c->who, scope))
                refuse_scope(g->request, scope);
        else {
                g->identity = c->who;
                pass(g);
        }
}

const char *web_token_of(const char *header)
{
        if (!header || strncasecmp(header, "Bearer ", strlen("Bearer ")) != 0)
                return NULL;
        header += strlen("Bearer ");
        return header + strspn(header, " ");
}

static const char *subprotocol_token(const struct http_request *r)
{
        const char *list = http_request_header(r, "Sec-WebSocket-Protocol"), *item;
        size_t n, prefix = strlen(SUBPROTOCOL);

        while (list && (item = http_list_next(&list, &n)))
                if (n > prefix && strncmp(item, SUBPROTOCOL, prefix) == 0)
                        return http_request_copy((struct http_request *)r, item + prefix, n - prefix);
        return NULL;
}

const char *web_bearer_token(const struct http_request *r)
{
        const char *header = http_request_header(r, "Authorization");

        return header ? web_token_of(header) : subprotocol_token(r);
}

static void check_token(struct guard *g, const char *token)
{
        struct web *web = web_of(g->request);
        int r = -EINVAL;

        if (token && web->pool)
                r = auth_check_submit(&g->check, web->pool, token, http_request_deadline(g->request),
                                      on_checked);
        if (r == -EINVAL)
                refuse_token(g->request);
        else if (r < 0)
                http_reply_error(g->request, r);
}

static void try_anonymous(struct guard *g)
{
        unsigned scope = scope_of(g->request);

        if (scope & WEB_SCOPE_LOCAL && is_local(g->request))
                pass(g);
        else if ((scope & ~(unsigned)WEB_SCOPE_LOCAL) == AUTH_READ &&
                 web_may_read(web_of(g->request), is_local(g->request))) {
                g->identity.scopes = AUTH_READ;
                pass(g);
        } else
                refuse_anonymous(g->request);
}

void web_guard(struct http_request *r)
{
        struct guard *g = http_request_guard(r, sizeof(*g), guard_done);

        if (!g) {
                http_reply_error(r, -ENOMEM);
                return;
        }
        g->request = r;
        if (http_request_peer(r)->is_admin)
                pass_admin(g);
        else if (scope_of(r) == 0)
                pass(g);
        else if (web_bearer_token(r) || http_request_header(r, "Authorization"))
                check_token(g, web_bearer_token(r));
        else
                try_anonymous(g);
}
