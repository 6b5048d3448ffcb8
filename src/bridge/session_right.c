/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */

/* What may be read, and by whom. The bridge has no right of its own, and the API sees only the bridge's
 * address, so the bridge answers for its clients:
 *
 *   - A client without a token is asked for without one, if AnonymousRead allows the client's own address;
 * else it is refused here. (If the API is stricter still, its refusal is passed on.)
 *   - A client with a token is asked for with that token, so the API itself decides: its lists directly; its
 *     watches, whose GETs are shared with others, as bearer.h tells. A watch begins after a check that began
 *     after the request came.
 *
 * AUTH adopts the new token only when it has proved good; a refused one changes nothing. When a token that
 * was good is refused, what is watched with it ends, even where AnonymousRead would allow it: who presented a
 * token wants to be told that it is good no longer, and may ask again without. */

#include <errno.h>
#include <string.h>

#include "base/alloc.h"
#include "bridge/session_ask.h"
#include "bridge/session_request.h"

struct auth_path {
        char *token; /* owned */
};

static const struct jread_field auth_path_fields[] = {
        {"token", JREAD_STRING, offsetof(struct auth_path, token), .required = true, .min = 1,
         .max = UPSTREAM_TOKEN_MAX},
};

static bool is_anonymous_allowed(const struct session *s)
{
        return bridge_allows_anonymous(s->bridge, s->peer.is_loopback);
}

bool session_has_right(struct session *s, const char *type)
{
        if (bearer_hold_is_taken(&s->bearer) || is_anonymous_allowed(s))
                return true;
        session_error(s, type, 401, "authentication-required",
                      "a token is needed: AUTH++{\"token\":\"...\"}+", NULL, NULL);
        return false;
}

static void write_refusal(struct session *s, const char *type, const struct bearer *b, const char *code)
{
        _cleanup_(buf_done) struct buf line = BUF_EMPTY;

        s->bridge->n_errors++;
        buf_append_str(&line, "ERROR+");
        buf_append_str(&line, type);
        buf_append_char(&line, '+');
        bearer_problem(b, code, &line);
        buf_append_char(&line, '\n');
        session_write(s, &line);
}

/* Each is told before it ends. */
static void end_watches(struct session *s, const struct bearer *b)
{
        LIST_FOREACH_SAFE (i, &s->watches) {
                struct session_watch *w = LIST_ENTRY(i, struct session_watch, link);
                char code[PRODUCT_CODE_MAX + 1];

                memcpy(code, watch_code(&w->watch), strlen(watch_code(&w->watch)) + 1);
                session_stop_watch(w);
                if (b)
                        write_refusal(s, "PRODUCT", b, code);
                else
                        session_error(s, "PRODUCT", 401, "authentication-required", "a token is needed now",
                                      NULL, code);
                if (s->state == SESSION_LEAVING)
                        return;
        }
}

void session_check_right(struct session *s)
{
        if (s->state != SESSION_LEAVING && !bearer_hold_is_taken(&s->bearer) && !is_anonymous_allowed(s))
                end_watches(s, NULL);
}

/* The session's own token has been checked: because a watch waits for it, or because time has come. */
static void on_token_checked(struct bearer_hold *h, int status)
{
        struct session *s = container_of(h, struct session, bearer);
        struct session_ask *a = s->ask && s->ask->kind == ASK_WATCH ? s->ask : NULL;

        if (status != -EACCES && bearer_hold_is_waiting(h))
                return; /* of an earlier check */
        if (a && status == 0)
                session_start_watch(s, &a->watch);
        else if (a)
                write_refusal(s, "PRODUCT", h->bearer, a->watch.code);
        if (status == -EACCES && s->state != SESSION_LEAVING) {
                end_watches(s, h->bearer);
                bearer_hold_drop(&s->bearer);
        }
        if (status == 0)
                session_set_ready(s);
        if (a && s->state != SESSION_LEAVING)
                session_answered(s);
}

/* From now on the session reads with this token. */
static int adopt_token(struct session *s, const char *token)
{
        struct bearer_hold hold = {0};
        int r;

        r = bearer_hold_take(&hold, &s->bridge->bearers, token, on_token_checked);
        if (r < 0)
                return r;
        LIST_FOREACH (i, &s->watches) {
                watch_set_bearer(&LIST_ENTRY(i, struct session_watch, link)->watch, hold.bearer);
        }
        bearer_hold_drop(&s->bearer);
        bearer_hold_move(&s->bearer, &hold);
        bearer_hold_set_watching(&s->bearer, s->n_watches > 0);
        return 0;
}

static void on_candidate_checked(struct bearer_hold *h, int status)
{
        struct session_ask *a = container_of(h, struct session_ask, candidate);
        struct session *s = a->session;
        const char *text;
        size_t n;

        if (bearer_hold_is_waiting(h))
                return;
        if (status < 0)
                write_refusal(s, "AUTH", h->bearer, NULL);
        else if (adopt_token(s, bearer_token(h->bearer)) < 0)
                answer_lack_of_memory(s, "AUTH");
        else {
                text = bearer_session(h->bearer, &n);
                answer_json(s, "JSON", "AUTH", text, n);
        }
        if (s->state != SESSION_LEAVING)
                session_answered(s);
}

void command_auth(struct session *s, struct bridge_request *q)
{
        struct field_errors errors = {0};
        struct auth_path path = {0};
        struct session_ask *a;
        int r;

        r = jread_object(q->path, auth_path_fields, ARRAY_SIZE(auth_path_fields), "/path", &path, &errors);
        if (r == 0 && !upstream_token_is_valid(path.token)) {
                field_errors_add(&errors, "/path/token", "is no token");
                r = -EBADMSG;
        }
        if (r == -EBADMSG)
                answer_invalid(s, "AUTH", &errors);
        else if (r < 0)
                answer_lack_of_memory(s, "AUTH");
        else if ((a = session_ask_new(s, ASK_TOKEN, "AUTH"))) {
                r = bearer_hold_take(&a->candidate, &s->bridge->bearers, path.token, on_candidate_checked);
                if (r == 0)
                        bearer_hold_check(&a->candidate);
                else {
                        answer_lack_of_memory(s, "AUTH");
                        session_answered(s);
                }
        }
        free(path.token);
}
