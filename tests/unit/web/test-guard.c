/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <string.h>

#include "base/macro.h"
#include "fake_http.h"
#include "fake_pg.h"
#include "web/web.h"

#define TOKEN "lj_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"

struct world {
        struct auth_conf auth;
        struct web web;
        struct http_route route;
        struct http_request request;
};

static void world_init(struct world *w, unsigned scope)
{
        memset(w, 0, sizeof(*w));
        fake_pg_reset();
        w->auth.anonymous_read = AUTH_ANONYMOUS_LOOPBACK;
        w->web.auth = &w->auth;
        w->web.pool = (struct pg_pool *)w; /* never looked into */
        w->route = (struct http_route){"GET", "/", NULL, 0, scope};
        fake_request_init(&w->request, "");
        w->request.context = &w->web;
        w->request.route = &w->route;
}

static bool passes(struct world *w)
{
        web_guard(&w->request);
        assert_int_equal(w->request.n_passed + w->request.n_replies, 1);
        if (w->request.n_passed)
                assert_non_null(web_identity(&w->request));
        return w->request.n_passed == 1;
}

/* Without a token only reads pass, only from where AnonymousRead= says, and never through a proxy on
 * loopback. */
static void test_anonymous(void **state)
{
        static const struct {
                int anonymous_read;
                unsigned scope;
                bool is_loopback, is_forwarded, passes;
        } cases[] = {
                {AUTH_ANONYMOUS_LOOPBACK, AUTH_READ, true, false, true},
                {AUTH_ANONYMOUS_LOOPBACK, AUTH_READ, true, true, false},
                {AUTH_ANONYMOUS_LOOPBACK, AUTH_READ, false, false, false},
                {AUTH_ANONYMOUS_NO, AUTH_READ, true, false, false},
                {AUTH_ANONYMOUS_ALL, AUTH_READ, false, true, true},
                {AUTH_ANONYMOUS_ALL, AUTH_WRITE, true, false, false},
                {AUTH_ANONYMOUS_ALL, AUTH_READ | AUTH_WRITE, true, false, false},
                {AUTH_ANONYMOUS_ALL, AUTH_ADMIN, true, false, false},
                {AUTH_ANONYMOUS_ALL, WEB_SCOPE_SESSION, true, false, false},
                /* health and metrics: open here whatever the catalogue is */
                {AUTH_ANONYMOUS_NO, AUTH_READ | WEB_SCOPE_LOCAL, true, false, true},
                {AUTH_ANONYMOUS_LOOPBACK, AUTH_READ | WEB_SCOPE_LOCAL, true, true, false},
                {AUTH_ANONYMOUS_LOOPBACK, AUTH_READ | WEB_SCOPE_LOCAL, false, false, false},
                /* open to everyone */
                {AUTH_ANONYMOUS_NO, 0, false, true, true},
        };

        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                struct world w;

                world_init(&w, cases[i].scope);
                w.auth.anonymous_read = cases[i].anonymous_read;
                w.request.peer.is_loopback = cases[i].is_loopback;
                w.request.is_forwarded = cases[i].is_forwarded;
                assert_int_equal(passes(&w), cases[i].passes);
                if (!cases[i].passes) {
                        assert_int_equal(w.request.status, 401);
                        assert_string_equal(w.request.slug, "authentication-required");
                        assert_string_equal(fake_request_replied(&w.request, "WWW-Authenticate"),
                                            "Bearer realm=\"lonja\"");
                }
                assert_null(fake_pg_submitted(0));
                fake_request_done(&w.request);
        }
}

/* Who can connect to the admin door is admin, and the journal tells the uid. */
static void test_admin_door(void **state)
{
        struct world w;

        world_init(&w, AUTH_ADMIN);
        w.request.peer = (struct net_peer){.text = "unix", .is_admin = true, .uid = 1000};
        assert_true(passes(&w));
        assert_true(auth_allows(web_identity(&w.request), AUTH_ADMIN));
        assert_string_equal(w.request.fields[0].name, "PEER_UID");
        assert_string_equal(w.request.fields[0].value, "1000");
        fake_request_done(&w.request);
}

/* What is no bearer token is 401 without asking the database; even where reading is open. */
static void test_malformed(void **state)
{
        static const char *const bad[] = {"",           "Bearer", "Bearer ",          "Bearer x",
                                          "Basic YTpi", TOKEN,    "Bearer " TOKEN "A"};

        for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
                struct world w;

                world_init(&w, AUTH_READ);
                w.request.headers[0] = (struct fake_header){"Authorization", bad[i]};
                assert_false(passes(&w));
                assert_int_equal(w.request.status, 401);
                assert_string_equal(w.request.slug, "invalid-token");
                assert_non_null(strstr(fake_request_replied(&w.request, "WWW-Authenticate"),
                                       "error=\"invalid_token\""));
                assert_null(fake_pg_submitted(0));
                fake_request_done(&w.request);
        }
}

/* A token is looked up each time; its rights are those that the row says. */
static void test_token(void **state)
{
        static const char *const reader[][FAKE_COLUMNS_MAX] = {{"ana", "7", "1"}};
        static const char *const writer[][FAKE_COLUMNS_MAX] = {{"ana", "7", "3"}};
        static const struct fake_rows nobody = {0}, may_read = {1, reader}, may_write = {1, writer};
        static const struct {
                unsigned scope;
                int status;
                const struct fake_rows *rows;
                unsigned replied; /* 0: passes; 500: the fake's for http_reply_error() */
                const char *slug;
        } cases[] = {
                {AUTH_READ, 0, &may_read, 0, NULL},
                {AUTH_WRITE, 0, &may_write, 0, NULL},
                {WEB_SCOPE_SESSION, 0, &may_read, 0, NULL},
                {AUTH_READ | WEB_SCOPE_LOCAL, 0, &may_read, 0, NULL},
                {AUTH_WRITE, 0, &may_read, 403, "insufficient-scope"},
                {AUTH_ADMIN, 0, &may_write, 403, "insufficient-scope"},
                {AUTH_READ, 0, &nobody, 401, "invalid-token"},
                {AUTH_READ, -ENOTCONN, NULL, 500, ""},
        };

        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                struct world w;

                world_init(&w, cases[i].scope);
                w.request.headers[0] = (struct fake_header){"Authorization", "bearer  " TOKEN};
                web_guard(&w.request);
                assert_int_equal(w.request.n_passed + w.request.n_replies, 0);
                fake_pg_complete(fake_pg_submitted(0), cases[i].status, cases[i].rows);
                assert_int_equal(w.request.n_passed, cases[i].replied == 0);
                assert_int_equal(w.request.status, cases[i].replied);
                if (cases[i].replied == 0)
                        assert_string_equal(web_identity(&w.request)->user, "ana");
                else
                        assert_string_equal(w.request.slug, cases[i].slug);
                fake_request_done(&w.request);
        }
}

/* A stale token keeps nobody from logging in. */
static void test_open_route_ignores_token(void **state)
{
        struct world w;

        world_init(&w, 0);
        w.request.headers[0] = (struct fake_header){"Authorization", "Bearer x"};
        assert_true(passes(&w));
        assert_int_equal(web_identity(&w.request)->scopes, 0);
        fake_request_done(&w.request);
}

/* A browser cannot set Authorization when it opens a WebSocket: a subprotocol stands for it. */
static void test_subprotocol(void **state)
{
        static const struct {
                const char *offered, *token;
        } cases[] = {
                {"lonja.v1, bearer." TOKEN, TOKEN},
                {"bearer." TOKEN ",lonja.v1", TOKEN},
                {"lonja.v1", NULL},
                {"bearer.", NULL},
                {"xbearer." TOKEN, NULL},
        };

        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                struct world w;

                world_init(&w, AUTH_READ);
                w.request.headers[0] = (struct fake_header){"Sec-WebSocket-Protocol", cases[i].offered};
                if (cases[i].token)
                        assert_string_equal(web_bearer_token(&w.request), cases[i].token);
                else
                        assert_null(web_bearer_token(&w.request));
                w.request.headers[1] = (struct fake_header){"Authorization", "Bearer other"};
                assert_string_equal(web_bearer_token(&w.request), "other");
                fake_request_done(&w.request);
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_anonymous),
                cmocka_unit_test(test_admin_door),
                cmocka_unit_test(test_malformed),
                cmocka_unit_test(test_token),
                cmocka_unit_test(test_open_route_ignores_token),
                cmocka_unit_test(test_subprotocol),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
