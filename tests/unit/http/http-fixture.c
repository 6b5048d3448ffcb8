/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <syslog.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/fd.h"
#include "base/str.h"
#include "http-fixture.h"
#include "service/log.h"

#define PATIENCE_USEC (10 * USEC_PER_SEC) /* generous: sanitizers and loaded machines */

static int listen_anywhere(uint16_t *ret_port)
{
        struct sockaddr_in in = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
        socklen_t size = sizeof(in);
        int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

        assert_true(fd >= 0);
        assert_int_equal(bind(fd, (struct sockaddr *)&in, sizeof(in)), 0);
        assert_int_equal(listen(fd, 128), 0);
        assert_int_equal(getsockname(fd, (struct sockaddr *)&in, &size), 0);
        *ret_port = ntohs(in.sin_port);
        return fd;
}

void fixture_open(struct fixture *f, const struct http_route *routes, void (*guard)(struct http_request *r))
{
        const struct http_route *const lists[] = {routes, NULL};

        log_set_level(LOG_CRIT);
        *f = (struct fixture){
                .conf = {.body_max = 64 * 1024,
                         .connections_max = 100,
                         .requests_waiting_max = 100,
                         .request_timeout_usec = 10 * USEC_PER_SEC,
                         .keepalive_usec = 15 * USEC_PER_SEC},
        };
        f->service.conf = &f->service_conf;
        list_init(&f->waiting);
        assert_int_equal(sd_event_new(&f->service.loop), 0);
        f->listener = listen_anywhere(&f->port);
        assert_int_equal(
                http_server_new(&f->server, &f->service,
                                &(struct http_server_setup){
                                        .routes = lists, .context = f, .guard = guard, .conf = &f->conf}),
                0);
        assert_int_equal(http_server_listen(f->server, f->listener, false, NULL), 0);
}

void fixture_listen_tls(struct fixture *f, struct net_tls *tls)
{
        f->plain_listener = f->listener;
        f->listener = listen_anywhere(&f->port);
        assert_int_equal(http_server_listen(f->server, f->listener, false, tls), 0);
}

/* Whatever a test did: all that was held is released, and every operation has ended. */
void fixture_close(struct fixture *f)
{
        f->server = http_server_free(f->server);
        assert_int_equal(f->n_begun, f->n_done);
        assert_int_equal(f->service.n_holds, 0);
        assert_int_equal(f->service.n_lingers, 0);
        loop_timer_done(&f->service.idle_timer);
        (void)fd_close(f->listener);
        if (f->plain_listener > 0)
                (void)fd_close(f->plain_listener);
        (void)sd_event_unref(f->service.loop);
}

void fixture_turn(struct fixture *f, unsigned msec)
{
        assert_true(sd_event_run(f->service.loop, msec * USEC_PER_MSEC) >= 0);
}

void fixture_until(struct fixture *f, const unsigned *n, unsigned wanted)
{
        usec_t end = clock_monotonic_usec() + PATIENCE_USEC;

        while (*n < wanted) {
                assert_true(clock_monotonic_usec() < end);
                fixture_turn(f, 100);
        }
}

void fixture_spin(struct fixture *f, unsigned msec)
{
        usec_t end = clock_monotonic_usec() + msec * USEC_PER_MSEC;

        while (clock_monotonic_usec() < end)
                fixture_turn(f, 1);
}

static void held_done(void *op)
{
        struct held *h = op;

        list_remove(&h->link);
        h->fixture->n_done++;
}

int fixture_hold(struct http_request *r)
{
        struct fixture *f = http_request_context(r);
        struct held *h = http_request_op(r, sizeof(*h), held_done);

        if (!h)
                return -ENOMEM;
        h->fixture = f;
        h->request = r;
        list_append(&f->waiting, &h->link);
        f->n_begun++;
        return 0;
}

void fixture_release(struct fixture *f)
{
        struct list_link *link = list_first(&f->waiting);

        assert_non_null(link);
        list_remove(link);
        http_reply_text(LIST_ENTRY(link, struct held, link)->request, 200, "text/plain", "done");
}

/* ---- clients ---- */

void client_open(struct client *c, struct fixture *f)
{
        struct sockaddr_in in = {
                .sin_family = AF_INET, .sin_port = htons(f->port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};

        *c = (struct client){.fixture = f, .fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)};
        assert_true(c->fd >= 0);
        assert_int_equal(connect(c->fd, (struct sockaddr *)&in, sizeof(in)), 0);
        assert_int_equal(fd_set_nonblock(c->fd), 0);
}

void client_close(struct client *c)
{
        c->fd = fd_close(c->fd);
        buf_done(&c->in);
        free(c->answer);
        c->answer = NULL;
}

void client_poll(struct client *c)
{
        char *room = buf_reserve(&c->in, 65536);
        ssize_t n = recv(c->fd, room, 65536, 0);

        if (n > 0)
                buf_commit(&c->in, (size_t)n);
        else if (n == 0)
                c->ended = true;
        else if (errno != EAGAIN)
                c->ended = c->was_reset = true;
}

void client_send_bytes(struct client *c, const void *p, size_t n)
{
        const char *at = p;
        usec_t end = clock_monotonic_usec() + PATIENCE_USEC;

        while (n > 0) {
                ssize_t k = send(c->fd, at, n, MSG_NOSIGNAL);

                if (k < 0 && errno != EAGAIN) {
                        c->ended = c->was_reset = true;
                        return;
                }
                if (k < 0)
                        fixture_turn(c->fixture, 10);
                else {
                        at += k;
                        n -= (size_t)k;
                }
                assert_true(clock_monotonic_usec() < end);
        }
}

void client_send(struct client *c, const char *text)
{
        client_send_bytes(c, text, strlen(text));
}

void client_get(struct client *c, const char *path)
{
        char text[2048];

        (void)snprintf(text, sizeof(text), "GET %s HTTP/1.1\r\nHost: test\r\n\r\n", path);
        client_send(c, text);
}

/* The size of the answer whose chunks begin at `body`, or 0 when it is not whole yet. Goes on where it
 * stopped. */
static size_t chunked_size(struct client *c, size_t body)
{
        const char *start = buf_bytes(&c->in), *end = start + buf_size(&c->in);

        c->scanned = MAX_OF(c->scanned, body);
        for (;;) {
                const char *at = start + c->scanned;
                char *rest;
                unsigned long size;

                if (!memmem(at, (size_t)(end - at), "\r\n", 2))
                        return 0;
                size = strtoul(at, &rest, 16);
                at = rest + 2 + size + 2;
                if (at > end)
                        return 0;
                c->scanned = (size_t)(at - start);
                if (size == 0)
                        return c->scanned;
        }
}

/* The size of the first answer in the buffer, or 0. */
static size_t answer_size(struct client *c, bool is_head)
{
        const char *start = buf_size(&c->in) > 0 ? buf_bytes(&c->in) : "", *body, *length;
        char headers[4096] = {0};
        size_t head;

        body = memmem(start, buf_size(&c->in), "\r\n\r\n", 4);
        if (!body)
                return 0;
        head = (size_t)(body - start) + 4;
        assert_true(head < sizeof(headers));
        memcpy(headers, start, head);
        if (is_head || fixture_status(headers) == 204 || fixture_status(headers) == 304 ||
            fixture_status(headers) == 100)
                return head;
        length = strcasestr(headers, "\r\nContent-Length: ");
        if (length) {
                size_t size = head + strtoul(length + 18, NULL, 10);

                return size <= buf_size(&c->in) ? size : 0;
        }
        if (strcasestr(headers, "\r\nTransfer-Encoding: chunked"))
                return chunked_size(c, head);
        return c->ended ? buf_size(&c->in) : 0;
}

static const char *take_answer(struct client *c, bool is_head)
{
        usec_t end = clock_monotonic_usec() + PATIENCE_USEC;
        char *text;
        size_t size;

        while ((size = answer_size(c, is_head)) == 0) {
                if (c->ended || clock_monotonic_usec() > end)
                        return "";
                client_poll(c);
                fixture_turn(c->fixture, 1);
        }
        text = memdup_str(buf_bytes(&c->in), size);
        assert_non_null(text);
        buf_consume(&c->in, size);
        c->scanned = 0;
        free(c->answer);
        c->answer = text;
        return text;
}

const char *client_answer(struct client *c)
{
        return take_answer(c, false);
}

const char *client_answer_head(struct client *c)
{
        return take_answer(c, true);
}

bool client_wait_end(struct client *c)
{
        usec_t end = clock_monotonic_usec() + PATIENCE_USEC;

        while (!c->ended) {
                assert_true(clock_monotonic_usec() < end);
                fixture_turn(c->fixture, 1);
                client_poll(c);
        }
        return !c->was_reset;
}

int fixture_status(const char *answer)
{
        const char *code = startswith(answer, "HTTP/1.1 ");

        return code ? (int)strtoul(code, NULL, 10) : 0;
}

const char *fixture_body(const char *answer)
{
        const char *body = strstr(answer, "\r\n\r\n");

        return body ? body + 4 : "";
}
