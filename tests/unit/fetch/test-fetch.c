/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/str.h"
#include "fetch/fetch.h"
#include "tiny-http.h"

struct fixture {
        sd_event *loop;
        struct tiny_http server;
        struct fetch_client *client;
};

struct job {
        struct fetch fetch;
        unsigned *n_done;
        struct fetch_client *again; /* submit once more in the call-back */
        char seen[64];              /* pieces */
        unsigned n_pieces;
};

static void on_complete(struct fetch *f)
{
        struct job *j = container_of(f, struct job, fetch);

        (*j->n_done)++;
        if (j->again)
                assert_int_equal(fetch_submit(f, TAKE_PTR(j->again)), 0);
}

static struct job *job_new(unsigned *n_done, const char *path)
{
        struct job *j = new0(struct job, 1);

        assert_non_null(j);
        j->n_done = n_done;
        j->fetch.method = "GET";
        j->fetch.path = path;
        j->fetch.complete = on_complete;
        return j;
}

static void job_free(struct job *j)
{
        fetch_done(&j->fetch);
        free(j);
}

static const char *answer_of(struct job *j)
{
        buf_append_char(&j->fetch.answer, '\0');
        return buf_bytes(&j->fetch.answer);
}

static void start(struct fixture *x, unsigned connections_max,
                  void (*request)(struct tiny_http *, struct tiny_request *))
{
        assert_int_equal(sd_event_new(&x->loop), 0);
        tiny_http_start(&x->server, x->loop, NULL, request);
        assert_int_equal(fetch_client_new(&x->client, x->loop,
                                          &(struct fetch_conf){.base_url = x->server.url,
                                                               .connections_max = connections_max}),
                         0);
}

static void stop(struct fixture *x)
{
        fetch_client_free(x->client);
        tiny_http_stop(&x->server);
        sd_event_unref(x->loop);
}

static void say_path(struct tiny_http *t, struct tiny_request *r)
{
        tiny_answer(r, 200, "ETag: \"7\"\r\nX-Request-ID: abc\r\n", r->path);
}

/* An answer comes with status, body and the headers that callers need, from the loop and not from submit. */
static void test_get(void **state)
{
        struct fixture x;
        unsigned n = 0;
        struct job *j = job_new(&n, "/a/../b?c=%20d");

        start(&x, 2, say_path);
        assert_int_equal(fetch_submit(&j->fetch, x.client), 0);
        assert_int_equal(n, 0);
        tiny_run_until(x.loop, &n, 1);
        assert_int_equal(j->fetch.error, 0);
        assert_int_equal(j->fetch.status, 200);
        assert_string_equal(j->fetch.etag, "\"7\"");
        assert_string_equal(j->fetch.request_id, "abc");
        assert_string_equal(answer_of(j), "/a/../b?c=%20d");
        job_free(j);
        stop(&x);
}

/* Requests one after the other use one connection; a job may be submitted again in its own call-back. */
static void test_reuse(void **state)
{
        struct fixture x;
        unsigned n = 0;
        struct job *j = job_new(&n, "/");

        start(&x, 4, say_path);
        j->again = x.client;
        assert_int_equal(fetch_submit(&j->fetch, x.client), 0);
        tiny_run_until(x.loop, &n, 2);
        assert_int_equal(fetch_submit(&j->fetch, x.client), 0);
        tiny_run_until(x.loop, &n, 3);
        assert_int_equal(x.server.n_connections, 1);
        assert_int_equal(x.server.n_requests, 3);
        job_free(j);
        stop(&x);
}

/* However many jobs there are, no more connections than allowed; all are answered. */
static void test_line(void **state)
{
        struct fixture x;
        struct job *jobs[500];
        unsigned n = 0;

        start(&x, 3, say_path);
        for (size_t i = 0; i < ARRAY_SIZE(jobs); i++) {
                jobs[i] = job_new(&n, "/x");
                assert_int_equal(fetch_submit(&jobs[i]->fetch, x.client), 0);
        }
        tiny_run_until(x.loop, &n, ARRAY_SIZE(jobs));
        assert_true(x.server.n_connections <= 3);
        for (size_t i = 0; i < ARRAY_SIZE(jobs); i++) {
                assert_int_equal(jobs[i]->fetch.status, 200);
                job_free(jobs[i]);
        }
        stop(&x);
}

static void echo(struct tiny_http *t, struct tiny_request *r)
{
        char type[256], text[1024];

        snprintf(text, sizeof(text), "%s %s %.256s", r->method, tiny_header(r, "Content-Type", type),
                 r->body);
        tiny_answer(r, 201, "", text);
}

/* A body is JSON unless said otherwise, and any method may carry one. */
static void test_body(void **state)
{
        struct fixture x;
        unsigned n = 0;
        struct job *j = job_new(&n, "/");

        start(&x, 1, echo);
        j->fetch.method = "PATCH";
        j->fetch.body = "{}";
        j->fetch.body_size = 2;
        assert_int_equal(fetch_submit(&j->fetch, x.client), 0);
        tiny_run_until(x.loop, &n, 1);
        assert_string_equal(answer_of(j), "PATCH application/json {}");
        j->fetch.method = "POST";
        j->fetch.headers[j->fetch.n_headers++] = "Content-Type: text/csv";
        assert_int_equal(fetch_submit(&j->fetch, x.client), 0);
        tiny_run_until(x.loop, &n, 2);
        assert_string_equal(answer_of(j), "POST text/csv {}");
        job_free(j);
        stop(&x);
}

static long upload(struct fetch *f, void *p, size_t n)
{
        struct job *j = container_of(f, struct job, fetch);

        if (j->n_pieces == 3)
                return 0;
        if (j->n_pieces == 2 && streq(f->path, "/broken"))
                return -EIO;
        j->n_pieces++;
        memcpy(p, "piece,", 6);
        return 6;
}

/* A body of unknown length goes out in pieces; the source's error ends the request and is its error. */
static void test_upload(void **state)
{
        struct fixture x;
        unsigned n = 0;
        struct job *j = job_new(&n, "/");

        start(&x, 1, echo);
        j->fetch.method = "POST";
        j->fetch.upload = upload;
        assert_int_equal(fetch_submit(&j->fetch, x.client), 0);
        tiny_run_until(x.loop, &n, 1);
        assert_string_equal(answer_of(j), "POST application/json piece,piece,piece,");
        j->n_pieces = 0;
        j->fetch.path = "/broken";
        assert_int_equal(fetch_submit(&j->fetch, x.client), 0);
        tiny_run_until(x.loop, &n, 2);
        assert_int_equal(j->fetch.error, -EIO);
        job_free(j);
        stop(&x);
}

static int take_piece(struct fetch *f, const void *p, size_t n)
{
        struct job *j = container_of(f, struct job, fetch);

        assert_int_equal(f->status, 200);
        j->n_pieces++;
        snprintf(j->seen, sizeof(j->seen), "%.*s", (int)n, (const char *)p);
        return streq(f->path, "/refuse") ? -ENOSPC : 0;
}

static int cancel_piece(struct fetch *f, const void *p, size_t n)
{
        container_of(f, struct job, fetch)->n_pieces++;
        fetch_cancel(f);
        return 0;
}

/* With `piece`, nothing is kept; it may break off, and it may cancel its own job: then nobody is called. */
static void test_pieces(void **state)
{
        struct fixture x;
        unsigned n = 0;
        struct job *j = job_new(&n, "/pieces"), *k = job_new(&n, "/");

        start(&x, 1, say_path);
        j->fetch.piece = take_piece;
        assert_int_equal(fetch_submit(&j->fetch, x.client), 0);
        tiny_run_until(x.loop, &n, 1);
        assert_int_equal(j->fetch.error, 0);
        assert_string_equal(j->seen, "/pieces");
        assert_int_equal(buf_size(&j->fetch.answer), 0);

        j->fetch.path = "/refuse";
        assert_int_equal(fetch_submit(&j->fetch, x.client), 0);
        tiny_run_until(x.loop, &n, 2);
        assert_int_equal(j->fetch.error, -ENOSPC);

        j->fetch.piece = cancel_piece;
        j->n_pieces = 0;
        assert_int_equal(fetch_submit(&j->fetch, x.client), 0);
        tiny_run_until(x.loop, &j->n_pieces, 1);
        assert_false(fetch_is_busy(&j->fetch));
        /* its place is free again */
        assert_int_equal(fetch_submit(&k->fetch, x.client), 0);
        tiny_run_until(x.loop, &n, 3);
        job_free(j);
        job_free(k);
        stop(&x);
}

static void keep_silent(struct tiny_http *t, struct tiny_request *r)
{
}

/* A deadline covers waiting for an answer and waiting in line alike. */
static void test_timeout(void **state)
{
        struct fixture x;
        unsigned n = 0;
        struct job *j = job_new(&n, "/first"), *k = job_new(&n, "/second");

        start(&x, 1, keep_silent);
        j->fetch.timeout_usec = 60 * USEC_PER_MSEC;
        k->fetch.timeout_usec = 30 * USEC_PER_MSEC;
        assert_int_equal(fetch_submit(&j->fetch, x.client), 0);
        assert_int_equal(fetch_submit(&k->fetch, x.client), 0);
        tiny_run_until(x.loop, &n, 1);
        assert_int_equal(k->fetch.error, -ETIMEDOUT);
        assert_true(fetch_is_busy(&j->fetch));
        tiny_run_until(x.loop, &n, 2);
        assert_int_equal(j->fetch.error, -ETIMEDOUT);
        assert_int_equal(x.server.n_requests, 1);
        job_free(j);
        job_free(k);
        stop(&x);
}

/* A job cancelled under way or in line is never called back, and makes room for the next. */
static void test_cancel(void **state)
{
        struct fixture x;
        unsigned n = 0;
        struct job *j = job_new(&n, "/first"), *k = job_new(&n, "/second"), *l = job_new(&n, "/third");

        start(&x, 1, keep_silent);
        assert_int_equal(fetch_submit(&j->fetch, x.client), 0);
        assert_int_equal(fetch_submit(&k->fetch, x.client), 0);
        assert_int_equal(fetch_submit(&l->fetch, x.client), 0);
        tiny_run_until(x.loop, &x.server.n_requests, 1);
        x.server.request = say_path;
        fetch_cancel(&k->fetch);
        fetch_cancel(&j->fetch);
        tiny_run_until(x.loop, &n, 1);
        assert_string_equal(answer_of(l), "/third");
        job_free(j);
        job_free(k);
        job_free(l);
        stop(&x);
}

/* Freeing the client cancels what is under way. */
static void test_free_busy(void **state)
{
        struct fixture x;
        unsigned n = 0;
        struct job *j = job_new(&n, "/first"), *k = job_new(&n, "/second");

        start(&x, 1, keep_silent);
        assert_int_equal(fetch_submit(&j->fetch, x.client), 0);
        assert_int_equal(fetch_submit(&k->fetch, x.client), 0);
        tiny_run_until(x.loop, &x.server.n_requests, 1);
        x.client = fetch_client_free(x.client);
        assert_false(fetch_is_busy(&j->fetch));
        assert_false(fetch_is_busy(&k->fetch));
        assert_int_equal(n, 0);
        job_free(j);
        job_free(k);
        stop(&x);
}

static void cut(struct tiny_http *t, struct tiny_request *r)
{
        tiny_cut(r);
}

/* Who cannot be reached, who hangs up and who says too much are told apart. */
static void test_errors(void **state)
{
        struct fixture x;
        unsigned n = 0;
        struct job *j = job_new(&n, "/a-long-answer");
        struct fetch_client *nobody = NULL;

        start(&x, 1, say_path);
        j->fetch.answer_max = 4;
        assert_int_equal(fetch_submit(&j->fetch, x.client), 0);
        tiny_run_until(x.loop, &n, 1);
        assert_int_equal(j->fetch.error, -EFBIG);
        assert_true(j->fetch.reason[0]);

        x.server.request = cut;
        assert_int_equal(fetch_submit(&j->fetch, x.client), 0);
        tiny_run_until(x.loop, &n, 2);
        assert_int_equal(j->fetch.error, -ECONNRESET);

        assert_int_equal(
                fetch_client_new(&nobody, x.loop, &(struct fetch_conf){.base_url = "http://127.0.0.1:1"}), 0);
        assert_int_equal(fetch_submit(&j->fetch, nobody), 0);
        tiny_run_until(x.loop, &n, 3);
        assert_int_equal(j->fetch.error, -ECONNREFUSED);
        job_free(j);
        fetch_client_free(nobody);
        stop(&x);
}

static void cut_once(struct tiny_http *t, struct tiny_request *r)
{
        t->request = say_path;
        tiny_cut(r);
}

/* A kept connection that the server has closed in the meantime costs nobody an error. */
static void test_stale_connection(void **state)
{
        struct fixture x;
        unsigned n = 0;
        struct job *j = job_new(&n, "/");

        start(&x, 1, say_path);
        assert_int_equal(fetch_submit(&j->fetch, x.client), 0);
        tiny_run_until(x.loop, &n, 1);
        x.server.request = cut_once;
        assert_int_equal(fetch_submit(&j->fetch, x.client), 0);
        tiny_run_until(x.loop, &n, 2);
        assert_int_equal(j->fetch.error, 0);
        assert_int_equal(j->fetch.status, 200);
        job_free(j);
        stop(&x);
}

/* A Unix socket does as well as TCP. */
static void test_unix_socket(void **state)
{
        char directory[] = "/tmp/lonja-fetch-XXXXXX", path[64];
        struct fixture x;
        unsigned n = 0;
        struct job *j = job_new(&n, "/u");

        assert_non_null(mkdtemp(directory));
        snprintf(path, sizeof(path), "%s/s", directory);
        assert_int_equal(sd_event_new(&x.loop), 0);
        tiny_http_start(&x.server, x.loop, path, say_path);
        assert_int_equal(
                fetch_client_new(&x.client, x.loop,
                                 &(struct fetch_conf){.base_url = x.server.url, .unix_socket = path}),
                0);
        assert_int_equal(fetch_submit(&j->fetch, x.client), 0);
        tiny_run_until(x.loop, &n, 1);
        assert_string_equal(answer_of(j), "/u");
        job_free(j);
        stop(&x);
        unlink(path);
        rmdir(directory);
}

/* A zeroed job may be cancelled and freed. */
static void test_zeroed(void **state)
{
        struct fetch f = {0};

        fetch_cancel(&f);
        fetch_done(&f);
        assert_null(fetch_client_free(NULL));
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_get),
                cmocka_unit_test(test_reuse),
                cmocka_unit_test(test_line),
                cmocka_unit_test(test_body),
                cmocka_unit_test(test_upload),
                cmocka_unit_test(test_pieces),
                cmocka_unit_test(test_timeout),
                cmocka_unit_test(test_cancel),
                cmocka_unit_test(test_free_busy),
                cmocka_unit_test(test_errors),
                cmocka_unit_test(test_stale_connection),
                cmocka_unit_test(test_unix_socket),
                cmocka_unit_test(test_zeroed),
        };

        return cmocka_run_group_tests_name("fetch", tests, NULL, NULL);
}
