/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */

/* Answers. Each is made here at once, and handed to MHD the next time that MHD asks for it. */

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "contract/problem.h"
#include "http/http_internal.h"
#include "service/log.h"

#define TYPE_JSON "application/json"
#define TYPE_PROBLEM "application/problem+json"

void http_reply_header(struct http_request *r, const char *name, const char *value)
{
        struct http_header *h = http_request_alloc(r, sizeof(*h));

        if (!h)
                return;
        h->name = http_request_strdup(r, name);
        h->value = http_request_strdup(r, value);
        if (!h->name || !h->value)
                return;
        r->has_cache_control = r->has_cache_control || strcasecmp(name, "Cache-Control") == 0;
        r->has_etag = r->has_etag || strcasecmp(name, "ETag") == 0;
        r->has_retry_after = r->has_retry_after || strcasecmp(name, "Retry-After") == 0;
        h->next = r->headers;
        r->headers = h;
}

static void add_headers(struct http_request *r, struct MHD_Response *response, const char *content_type)
{
        if (content_type)
                (void)MHD_add_response_header(response, "Content-Type", content_type);
        (void)MHD_add_response_header(response, "X-Request-ID", r->id);
        (void)MHD_add_response_header(response, "X-Content-Type-Options", "nosniff");
        /* What has a version may be kept, and asked for each time. */
        if (!r->has_cache_control)
                (void)MHD_add_response_header(response, "Cache-Control",
                                              r->has_etag ? "no-cache" : "no-store");
        for (const struct http_header *h = r->headers; h; h = h->next)
                if (MHD_add_response_header(response, h->name, h->value) != MHD_YES)
                        log_debug("Header %s cannot be sent", h->name);
        if (http_server_is_leaving(r->server) && r->status != MHD_HTTP_SWITCHING_PROTOCOLS)
                (void)MHD_add_response_header(response, "Connection", "close");
}

void http_reply_response(struct http_request *r, unsigned status, struct MHD_Response *response,
                         const char *content_type)
{
        r->status = response ? status : 500;
        r->response = response;
        if (response)
                add_headers(r, response, content_type);
        http_request_answered(r);
}

/* Consumes malloc'ed text. */
static void reply_bytes(struct http_request *r, unsigned status, const char *content_type, char *text,
                        size_t size)
{
        struct MHD_Response *response = NULL;

        if (text && r->connection)
                response = MHD_create_response_from_buffer(size, text, MHD_RESPMEM_MUST_FREE);
        if (!response)
                free(text);
        http_reply_response(r, status, response, content_type);
        if (!r->connection)
                r->status = status; /* nobody gets it, but the journal tells */
}

void http_reply_buf(struct http_request *r, unsigned status, const char *content_type, struct buf *body)
{
        size_t size = 0;
        char *text = buf_take(body, &size);

        reply_bytes(r, status, content_type, text, size);
}

void http_reply_json(struct http_request *r, unsigned status, json_t *value)
{
        char *text = value ? json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY) : NULL;

        json_decref(value);
        if (text)
                reply_bytes(r, status, TYPE_JSON, text, strlen(text));
        else
                http_reply_error(r, -ENOMEM);
}

void http_reply_text(struct http_request *r, unsigned status, const char *content_type, const char *text)
{
        struct buf body = BUF_EMPTY;

        buf_append_str(&body, text);
        http_reply_buf(r, status, content_type, &body);
}

void http_reply_empty(struct http_request *r, unsigned status)
{
        struct MHD_Response *response = NULL;

        if (r->connection)
                response = MHD_create_response_from_buffer(0, (void *)"", MHD_RESPMEM_PERSISTENT);
        http_reply_response(r, status, response, NULL);
        if (!r->connection)
                r->status = status;
}

void http_reply_problem_fields(struct http_request *r, unsigned status, const char *slug, const char *detail,
                               const struct field_errors *errors)
{
        struct buf body = BUF_EMPTY;

        if ((status == 503 || status == 429) && !r->has_retry_after)
                http_reply_header(r, "Retry-After", "1");
        problem_write(&body, status, slug, detail, errors);
        http_reply_buf(r, status, TYPE_PROBLEM, &body);
}

void http_reply_problem(struct http_request *r, unsigned status, const char *slug, const char *fmt, ...)
{
        struct buf detail = BUF_EMPTY;
        va_list ap;

        if (fmt) {
                va_start(ap, fmt);
                buf_vprintf(&detail, fmt, ap);
                va_end(ap);
                buf_append_char(&detail, '\0');
        }
        http_reply_problem_fields(r, status, slug, fmt && !buf_error(&detail) ? buf_bytes(&detail) : NULL,
                                  NULL);
        buf_done(&detail);
}

void http_reply_invalid(struct http_request *r, const struct field_errors *errors)
{
        http_reply_problem_fields(r, 400, "invalid-input", NULL, errors);
}

void http_reply_error(struct http_request *r, int error)
{
        const char *slug, *detail;
        unsigned status = problem_of_error(error, &slug, &detail);

        if (status == 500) {
                (void)log_write_errno(LOG_ERR, error, __FILE__, __LINE__, LOG_FIELDS({"REQUEST_ID", r->id}),
                                      "%s %s failed: %m", r->method, r->path);
                detail = "the journal has more under this X-Request-ID";
        }
        http_reply_problem(r, status, slug, "%s", detail);
}
