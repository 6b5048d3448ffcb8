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
#include "web/web_write.h"

static int read_headers(struct http_request *r, const char *key, const char *if_match, struct web_write *w)
{
        struct buf command = BUF_EMPTY;
        int k;

        fake_request_init(r, "");
        r->headers[0] = (struct fake_header){key ? "Idempotency-Key" : "X-None", key ? key : ""};
        r->headers[1] = (struct fake_header){if_match ? "If-Match" : NULL, if_match};
        buf_append_str(&command, "A1|12.50");
        k = web_write_read(r, "thing.change", &command, w);
        buf_done(&command);
        return k;
}

/* A key is 1 to 255 printable ASCII characters; the wrong header is named. */
static void test_keys(void **state)
{
        static const char *const bad[] = {"", "a\tb", "a\x7f", "añ"};
        char longest[WEB_KEY_MAX + 2];
        struct http_request r;
        struct web_write w;

        memset(longest, 'k', sizeof(longest));
        longest[WEB_KEY_MAX] = '\0';
        assert_int_equal(read_headers(&r, longest, NULL, &w), 0);
        assert_string_equal(w.key, longest);
        assert_int_equal(w.if_match, WEB_MATCH_NONE);
        assert_int_equal(strlen(w.hash), 64);
        fake_request_done(&r);
        longest[WEB_KEY_MAX] = 'k';
        longest[WEB_KEY_MAX + 1] = '\0';
        assert_int_equal(read_headers(&r, longest, NULL, &w), 1);
        fake_request_done(&r);
        for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
                assert_int_equal(read_headers(&r, bad[i], "\"1\", \"2\"", &w), 1);
                assert_int_equal(r.status, 400);
                assert_int_equal(r.errors.n_errors, 2);
                assert_string_equal(r.errors.errors[0].path, "Idempotency-Key");
                assert_string_equal(r.errors.errors[1].path, "If-Match");
                fake_request_done(&r);
        }
}

/* The hash tells operations and commands apart, and nothing else: not the key, not If-Match. */
static void test_hash(void **state)
{
        struct buf a = BUF_EMPTY, b = BUF_EMPTY;
        struct web_write one, two;
        struct http_request r;

        assert_int_equal(read_headers(&r, "k", "\"1\"", &one), 0);
        fake_request_done(&r);
        assert_int_equal(read_headers(&r, NULL, NULL, &two), 0);
        assert_string_equal(one.hash, two.hash);
        buf_append_str(&a, "bc");
        buf_append_str(&b, "c");
        assert_int_equal(web_write_read(&r, "a", &a, &one), 0);
        assert_int_equal(web_write_read(&r, "ab", &b, &two), 0);
        assert_string_not_equal(one.hash, two.hash);
        buf_done(&a);
        buf_done(&b);
        fake_request_done(&r);
}

static const struct pg_statement statement = {"test", "SELECT"};

static void on_write(struct pg_query *q)
{
}

static void reply(struct http_request *r, int status, const char *const (*row)[FAKE_COLUMNS_MAX])
{
        const struct fake_rows rows = {row ? 1 : 0, row};
        struct pg_query q = {0};

        fake_request_init(r, "");
        pg_query_init(&q, &statement, on_write);
        fake_pg_complete(&q, status, &rows);
        web_write_reply(r, &q);
        assert_int_equal(r->n_replies, 1);
}

/* A success brings its status, version, place and body; a replay the same, and says so. */
static void test_success(void **state)
{
        static const char *const created[][FAKE_COLUMNS_MAX] = {{"done", "201", "7", "/api/things/A1", "{}"}};
        static const char *const again[][FAKE_COLUMNS_MAX] = {
                {"replayed", "201", "7", "/api/things/A1", "{}"}};
        static const char *const deleted[][FAKE_COLUMNS_MAX] = {{"done", "204", NULL, NULL, NULL}};
        struct http_request r;

        reply(&r, 0, created);
        assert_int_equal(r.status, 201);
        assert_string_equal(r.content, "{}");
        assert_string_equal(fake_request_replied(&r, "ETag"), "\"7\"");
        assert_string_equal(fake_request_replied(&r, "Location"), "/api/things/A1");
        assert_null(fake_request_replied(&r, "Idempotency-Replayed"));
        fake_request_done(&r);
        reply(&r, 0, again);
        assert_int_equal(r.status, 201);
        assert_string_equal(r.content, "{}");
        assert_string_equal(fake_request_replied(&r, "Idempotency-Replayed"), "true");
        fake_request_done(&r);
        reply(&r, 0, deleted);
        assert_int_equal(r.status, 204);
        assert_int_equal(r.n_replied, 0);
        fake_request_done(&r);
}

/* Any other outcome is a problem of that name; a mismatch tells the version that is there. */
static void test_refusal(void **state)
{
        static const char *const mismatch[][FAKE_COLUMNS_MAX] = {
                {"version-mismatch", "412", "8", NULL, "it has changed: 100%"}};
        static const char *const missing[][FAKE_COLUMNS_MAX] = {{"not-found", "404", NULL, NULL, NULL}};
        struct http_request r;

        reply(&r, 0, mismatch);
        assert_int_equal(r.status, 412);
        assert_string_equal(r.slug, "version-mismatch");
        assert_string_equal(r.detail, "it has changed: 100%");
        assert_string_equal(fake_request_replied(&r, "ETag"), "\"8\"");
        fake_request_done(&r);
        reply(&r, 0, missing);
        assert_int_equal(r.status, 404);
        assert_string_equal(r.slug, "not-found");
        assert_string_equal(r.detail, "");
        fake_request_done(&r);
}

/* When a write was sent and no answer came, nobody knows; when it was not sent, everybody does. */
static void test_failure(void **state)
{
        static const struct {
                int status;
                bool was_sent;
                int error;
        } cases[] = {
                {-ECONNRESET, true, -ECONNRESET}, {-ETIMEDOUT, true, -ECONNRESET},
                {-ECANCELED, true, -ECONNRESET},  {-ETIMEDOUT, false, -ETIMEDOUT},
                {-ENOTCONN, false, -ENOTCONN},    {-EIO, true, -EIO},
        };

        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                struct pg_query q = {.status = cases[i].status, .was_sent = cases[i].was_sent};
                struct http_request r;

                fake_request_init(&r, "");
                web_write_reply(&r, &q);
                assert_int_equal(r.error, cases[i].error);
                fake_request_done(&r);
        }
}

/* A statement that the server gave up for want of time or room was not made, and may be tried again. */
static void test_busy(void **state)
{
        struct pg_query q = {.status = -EIO, .was_sent = true, .sqlstate = "57014"};
        struct http_request r;

        fake_request_init(&r, "");
        web_write_reply(&r, &q);
        assert_int_equal(r.status, 503);
        assert_string_equal(r.slug, "database-busy");
        fake_request_done(&r);
}

/* A reader that has the version is told so, and nothing more. */
static void test_not_modified(void **state)
{
        struct http_request r;

        fake_request_init(&r, "");
        r.headers[0] = (struct fake_header){"If-None-Match", "\"7\""};
        assert_true(web_etag_not_modified(&r, 7));
        assert_int_equal(r.status, 304);
        assert_string_equal(fake_request_replied(&r, "ETag"), "\"7\"");
        fake_request_done(&r);
        fake_request_init(&r, "");
        r.headers[0] = (struct fake_header){"If-None-Match", "\"7\""};
        assert_false(web_etag_not_modified(&r, 8));
        assert_int_equal(r.n_replies, 0);
        assert_string_equal(fake_request_replied(&r, "ETag"), "\"8\"");
        fake_request_done(&r);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_keys),         cmocka_unit_test(test_hash),
                cmocka_unit_test(test_success),      cmocka_unit_test(test_refusal),
                cmocka_unit_test(test_failure),      cmocka_unit_test(test_busy),
                cmocka_unit_test(test_not_modified),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
