/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */

#include "gateway/http_task.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

#include "base/alloc.h"
#include "base/str.h"
#include "contract/names.h"
#include "fetch/fetch.h"
#include "fetch/fetch_address.h"
#include "service/log.h"
#include "json/jwrite.h"

#define ANSWER_MAX ((size_t)256 * 1024) /* it becomes a message and a row */
#define TIMEOUT_DEFAULT_SEC 30
#define TIMEOUT_MAX_SEC 300
#define HOST_SIZE 256
#define HEADERS_MAX (FETCH_HEADERS_MAX - 1)

struct http_tasks {
        const struct gateway_conf *conf; /* borrowed, replaced by reload */
        struct fetch_client *client;     /* owned, as all below */
        struct task_worker *worker;
};

struct arguments {
        char *url, *method, *body;
        json_t *headers;
        int64_t timeout_sec;
        bool has_timeout;
};

struct request_op {
        struct task_call *call;
        struct fetch fetch;
        struct arguments arguments;
        char *headers[HEADERS_MAX]; /* owned */
};

static const struct jread_field fields[] = {
        {.name = "url",
         .type = JREAD_STRING,
         .offset = offsetof(struct arguments, url),
         .required = true,
         .max = 8192},
        {.name = "method", .type = JREAD_STRING, .offset = offsetof(struct arguments, method)},
        {.name = "headers", .type = JREAD_JSON, .offset = offsetof(struct arguments, headers)},
        {.name = "body", .type = JREAD_STRING, .offset = offsetof(struct arguments, body), .nullable = true},
        {.name = "timeout",
         .type = JREAD_INT,
         .offset = offsetof(struct arguments, timeout_sec),
         .present = offsetof(struct arguments, has_timeout),
         .min = 1,
         .max = TIMEOUT_MAX_SEC},
};
static const char *const methods[] = {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", NULL};
/* What the client must keep in hand. */
static const char *const reserved[] = {
        "Host",    "Connection", "Content-Length", "Transfer-Encoding", "Expect", "Upgrade", "TE",
        "Trailer", NULL};

static void request_op_done(void *slot)
{
        struct request_op *op = slot;

        fetch_done(&op->fetch);
        for (size_t i = 0; i < HEADERS_MAX; i++)
                free(op->headers[i]);
        free(op->arguments.url);
        free(op->arguments.method);
        free(op->arguments.body);
        json_decref(op->arguments.headers);
}

/* ---- Where to ---- */

bool http_task_is_allowed(const char *list, const char *host)
{
        while (*list) {
                size_t n = strcspn(list, " "), m = strlen(host);

                if (n == 1 && *list == '*')
                        return true;
                if (n > 2 && list[0] == '*' && list[1] == '.') {
                        if (m >= n && strncasecmp(host + m - (n - 1), list + 1, n - 1) == 0)
                                return true;
                } else if (n > 0 && n == m && strncasecmp(host, list, n) == 0) {
                        return true;
                }
                list += n;
                list += strspn(list, " ");
        }
        return false;
}

static bool may_connect(void *context, const struct sockaddr *address)
{
        const struct http_tasks *h = context;

        return h->conf->gateway.http_private || fetch_address_is_public(address);
}

/* ---- What ---- */

static bool is_in(const char *const *list, const char *word)
{
        for (; *list; list++)
                if (strcasecmp(*list, word) == 0)
                        return true;
        return false;
}

static bool is_token(const char *s)
{
        return *s &&
               strspn(s, "!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ") ==
                       strlen(s);
}

static bool is_header_value(const char *s)
{
        for (; *s; s++)
                if ((unsigned char)*s < ' ' || *s == 0x7f)
                        return false;
        return true;
}

static int read_headers(struct request_op *op, struct field_errors *errors)
{
        json_t *value, *headers = op->arguments.headers;
        const char *name;

        if (headers && !json_is_object(headers))
                field_errors_add(errors, "/headers", "must be an object of strings");
        if (json_object_size(headers) > HEADERS_MAX)
                field_errors_add(errors, "/headers", "has more than %d members", HEADERS_MAX);
        json_object_foreach(headers, name, value)
        {
                const char *text = json_string_value(value);

                if (!text || !is_token(name) || !is_header_value(text) || is_in(reserved, name))
                        field_errors_add(errors, "/headers", "%.40s is no header that can be sent", name);
                else if (op->fetch.n_headers < HEADERS_MAX) {
                        char **line = &op->headers[op->fetch.n_headers];

                        if (asprintf(line, "%s: %s", name, text) < 0) {
                                *line = NULL;
                                return -ENOMEM;
                        }
                        op->fetch.headers[op->fetch.n_headers++] = *line;
                }
        }
        return 0;
}

/* 0; 1: answered; -ENOMEM. */
static int read_request(struct request_op *op, json_t *value)
{
        struct arguments *a = &op->arguments;
        struct field_errors errors;
        char host[HOST_SIZE];
        const struct http_tasks *h = task_call_context(op->call);
        int r;

        errors.n_errors = 0;
        r = jread_object(value, fields, ARRAY_SIZE(fields), "", a, &errors);
        if (r < 0 && r != -EBADMSG)
                return r;
        if (a->method && !is_in(methods, a->method))
                field_errors_add(&errors, "/method", "must be GET, HEAD, POST, PUT, PATCH or DELETE");
        if (a->url && fetch_url_host(a->url, host, sizeof(host)) < 0)
                field_errors_add(&errors, "/url", "must be an http or https URL without a user");
        r = read_headers(op, &errors);
        if (r < 0)
                return r;
        if (errors.n_errors > 0) {
                task_call_invalid(op->call, &errors);
                return 1;
        }
        if (!http_task_is_allowed(h->conf->gateway.http_allow, host)) {
                task_call_fail(op->call, 403, "host-not-allowed", NULL, "HttpAllow= does not name %s", host);
                return 1;
        }
        return 0;
}

/* ---- The answer ---- */

static void succeed(struct request_op *op)
{
        const struct buf *body = &op->fetch.answer;
        _cleanup_(buf_done) struct buf text = BUF_EMPTY;
        struct jwrite w = jwrite_to(&text);

        jwrite_object_begin(&w);
        jwrite_key(&w, "status");
        jwrite_int(&w, (int64_t)op->fetch.status);
        jwrite_key(&w, "body");
        if (buf_size(body) > 0 && !utf8_is_valid(buf_bytes(body), buf_size(body)))
                jwrite_null(&w); /* no text: JSON has no place for it */
        else
                jwrite_string_n(&w, buf_size(body) > 0 ? buf_bytes(body) : "", buf_size(body));
        jwrite_object_end(&w);
        buf_append_char(&text, '\0');
        if (buf_error(&text) < 0)
                task_call_retry(op->call, 503, "unavailable", "out of memory");
        else
                task_call_succeed(op->call, buf_bytes(&text));
}

static void on_fetched(struct fetch *f)
{
        struct request_op *op = container_of(f, struct request_op, fetch);
        char detail[200];

        if (f->error == -EACCES) {
                task_call_fail(op->call, 403, "address-not-allowed", NULL,
                               "the host has a private or local address (HttpPrivate=)");
                return;
        }
        if (f->error == -EFBIG) {
                task_call_fail(op->call, 502, "answer-too-large", NULL, "the answer has more than %zu bytes",
                               ANSWER_MAX);
                return;
        }
        if (f->error < 0) {
                task_call_retry(op->call, 502, "no-answer", f->reason);
                return;
        }
        (void)snprintf(detail, sizeof(detail), "the answer was %u", f->status);
        if (f->status == 429 || f->status >= 500)
                task_call_retry(op->call, 502, "bad-answer", detail);
        else if (f->status >= 400)
                task_call_fail(op->call, 502, "bad-answer", NULL, "%s", detail);
        else
                succeed(op);
}

static int request_begin(struct task_call *c)
{
        static const char *const names[] = {"url", NULL};
        const struct http_tasks *h = task_call_context(c);
        _cleanup_json_ json_t *value = NULL;
        struct request_op *op;
        int r;

        r = task_call_arguments(c, names, &value);
        if (r != 0)
                return MIN_OF(r, 0);
        op = task_call_op(c, sizeof(*op), request_op_done);
        if (!op)
                return -ENOMEM;
        op->call = c;
        r = read_request(op, value);
        if (r != 0)
                return MIN_OF(r, 0);
        op->fetch.method = op->arguments.method ? op->arguments.method : "GET";
        op->fetch.path = op->arguments.url;
        op->fetch.body = op->arguments.body;
        op->fetch.body_size = op->arguments.body ? strlen(op->arguments.body) : 0;
        op->fetch.answer_max = ANSWER_MAX;
        op->fetch.timeout_usec =
                (usec_t)(op->arguments.has_timeout ? op->arguments.timeout_sec : TIMEOUT_DEFAULT_SEC) *
                USEC_PER_SEC;
        op->fetch.complete = on_fetched;
        return fetch_submit(&op->fetch, h->client);
}

static const struct task_handler handlers[] = {
        {"http.request", request_begin},
        {NULL},
};

/* ---- Life ---- */

static int open_worker(struct http_tasks *h, struct service *service, struct pg_pool *pool)
{
        const struct fetch_conf fetch = {
                .base_url = "",
                .connections_max = (unsigned)h->conf->tasks.prefetch,
                .may_connect = may_connect,
                .context = h,
        };
        const struct task_worker_setup setup = {
                .service = service,
                .pool = pool,
                .broker = &h->conf->broker,
                .conf = &h->conf->tasks,
                .queue = HTTP_TASKS_QUEUE,
                .handlers = handlers,
                .context = h,
        };
        int r;

        r = fetch_client_new(&h->client, service_loop(service), &fetch);
        if (r < 0)
                return log_error_errno(r, "Cannot set up the HTTP client: %m");
        return task_worker_new(&h->worker, &setup);
}

int http_tasks_new(struct http_tasks **ret, struct service *service, struct pg_pool *pool,
                   const struct gateway_conf *conf)
{
        struct http_tasks *h = new0(struct http_tasks, 1);
        int r;

        if (!h)
                return log_error_errno(-ENOMEM, "Cannot set up the tasks: %m");
        h->conf = conf;
        r = open_worker(h, service, pool);
        if (r < 0) {
                http_tasks_free(h);
                return r;
        }
        *ret = h;
        return 0;
}

void http_tasks_reload(struct http_tasks *h, const struct gateway_conf *conf)
{
        h->conf = conf;
        task_worker_reload(h->worker, &conf->tasks);
}

void http_tasks_ring(struct http_tasks *h)
{
        task_worker_ring(h->worker);
}

void http_tasks_drain(struct http_tasks *h)
{
        task_worker_drain(h->worker);
}

struct http_tasks *http_tasks_free(struct http_tasks *h)
{
        if (!h)
                return NULL;
        task_worker_free(h->worker);
        fetch_client_free(h->client);
        free(h);
        return NULL;
}

void http_tasks_metrics(const struct http_tasks *h, struct buf *out)
{
        task_worker_write_metrics(h->worker, out);
}
