/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/parse.h"
#include "base/str.h"
#include "tiny-http.h"

#define PATIENCE_USEC (10 * USEC_PER_SEC)

static void request_free(struct tiny_request *r)
{
        list_remove(&r->link);
        net_stream_close(&r->stream);
        free(r);
}

const char *tiny_header(const struct tiny_request *r, const char *name, char out[256])
{
        size_t n = strlen(name);

        for (const char *p = r->head; *p; p = strchr(p, '\n') ? strchr(p, '\n') + 1 : "")
                if (strncasecmp(p, name, n) == 0 && p[n] == ':') {
                        snprintf(out, 256, "%.*s", (int)strcspn(p + n + 2, "\r\n"), p + n + 2);
                        return out;
                }
        out[0] = '\0';
        return out;
}

/* Decodes what is there of a chunked body. True: it is whole. */
static bool read_chunks(struct tiny_request *r, const char *p, const char *end)
{
        size_t body = 0;

        for (;;) {
                const char *line = memmem(p, (size_t)(end - p), "\r\n", 2);
                unsigned long size;
                char digits[16];

                if (!line)
                        return false;
                snprintf(digits, sizeof(digits), "%.*s", (int)(line - p), p);
                if (sscanf(digits, "%lx", &size) != 1 || (size_t)(end - line) < size + 4)
                        return false;
                memcpy(r->body + body, line + 2, size);
                body += size;
                r->body[body] = '\0';
                p = line + 2 + size + 2;
                if (size == 0) {
                        r->used = (size_t)(p - net_stream_input(&r->stream, &(size_t){0}));
                        return true;
                }
        }
}

static bool read_request(struct tiny_request *r)
{
        size_t n;
        const char *input = net_stream_input(&r->stream, &n), *head = memmem(input, n, "\r\n\r\n", 4);
        uint64_t length = 0;
        char value[256];

        if (!head)
                return false;
        snprintf(r->head, sizeof(r->head), "%.*s\n", (int)(head - input), input);
        assert_int_equal(sscanf(r->head, "%7s %511s", r->method, r->path), 2);
        if (*tiny_header(r, "Transfer-Encoding", value))
                return read_chunks(r, head + 4, input + n);
        if (*tiny_header(r, "Content-Length", value))
                assert_int_equal(parse_u64(value, 0, sizeof(r->body) - 1, &length), 0);
        r->used = (size_t)(head - input) + 4 + length;
        if (n < r->used)
                return false;
        snprintf(r->body, sizeof(r->body), "%.*s", (int)length, head + 4);
        return true;
}

static void on_received(struct net_stream *s)
{
        struct tiny_request *r = container_of(s, struct tiny_request, stream);

        if (r->is_unanswered || !read_request(r))
                return;
        net_stream_consume(s, r->used);
        r->is_unanswered = true;
        r->server->n_requests++;
        r->server->request(r->server, r);
}

static void on_drained(struct net_stream *s)
{
}

static void on_ended(struct net_stream *s, int error)
{
        request_free(container_of(s, struct tiny_request, stream));
}

static const struct net_stream_handler handler = {on_received, on_drained, on_ended};

static void on_connection(struct loop_io *io, uint32_t revents)
{
        struct tiny_http *t = container_of(io, struct tiny_http, io);
        struct tiny_request *r = new0(struct tiny_request, 1);
        int fd = accept4(t->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

        assert_true(fd >= 0);
        assert_non_null(r);
        r->server = t;
        list_append(&t->requests, &r->link);
        t->n_connections++;
        assert_int_equal(net_stream_open(&r->stream, t->loop, fd, NULL, 1 << 20, &handler), 0);
}

static int listen_unix(const char *path)
{
        struct sockaddr_un a = {.sun_family = AF_UNIX};
        int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

        snprintf(a.sun_path, sizeof(a.sun_path), "%s", path);
        unlink(path);
        assert_int_equal(bind(fd, (struct sockaddr *)&a, sizeof(a)), 0);
        return fd;
}

static int listen_tcp(char url[64])
{
        struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
        int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
        socklen_t size = sizeof(a);

        assert_int_equal(bind(fd, (struct sockaddr *)&a, sizeof(a)), 0);
        assert_int_equal(getsockname(fd, (struct sockaddr *)&a, &size), 0);
        snprintf(url, 64, "http://127.0.0.1:%u", ntohs(a.sin_port));
        return fd;
}

void tiny_http_start(struct tiny_http *t, sd_event *loop, const char *path,
                     void (*request)(struct tiny_http *t, struct tiny_request *r))
{
        *t = (struct tiny_http){.loop = loop, .request = request, .url = "http://localhost"};
        list_init(&t->requests);
        t->fd = path ? listen_unix(path) : listen_tcp(t->url);
        assert_int_equal(listen(t->fd, 128), 0);
        assert_int_equal(loop_io_start(&t->io, loop, t->fd, EPOLLIN, on_connection), 0);
}

void tiny_http_stop(struct tiny_http *t)
{
        LIST_FOREACH_SAFE (i, &t->requests) {
                request_free(LIST_ENTRY(i, struct tiny_request, link));
        }
        loop_io_stop(&t->io);
        close(t->fd);
}

void tiny_answer(struct tiny_request *r, unsigned status, const char *headers, const char *body)
{
        struct buf out = BUF_EMPTY;

        assert_true(r->is_unanswered);
        r->is_unanswered = false;
        buf_printf(&out, "HTTP/1.1 %u X\r\n%s", status, headers);
        if (status != 304 && status != 204)
                buf_printf(&out, "Content-Length: %zu\r\n", strlen(body));
        buf_append_str(&out, "\r\n");
        if (!streq(r->method, "HEAD"))
                buf_append_str(&out, body);
        assert_int_equal(net_stream_write(&r->stream, buf_bytes(&out), buf_size(&out)), 0);
        buf_done(&out);
}

void tiny_cut(struct tiny_request *r)
{
        request_free(r);
}

void tiny_run_until(sd_event *loop, const unsigned *count, unsigned value)
{
        usec_t end = clock_monotonic_usec() + PATIENCE_USEC;

        while (*count < value) {
                assert_true(clock_monotonic_usec() < end);
                assert_true(sd_event_run(loop, 100 * USEC_PER_MSEC) >= 0);
        }
        assert_int_equal(*count, value);
}

void tiny_run_for(sd_event *loop, usec_t usec)
{
        usec_t end = clock_monotonic_usec() + usec, now;

        while ((now = clock_monotonic_usec()) < end)
                assert_true(sd_event_run(loop, end - now) >= 0);
}
