/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */

/* What src/http costs, without a database behind it: a server on 127.0.0.1 that answers each GET with a small
 * constant, for a load generator.
 *
 *     http-loop bare PORT     libmicrohttpd alone, its own epoll loop in this thread
 *     http-loop now PORT      src/http, answered inside begin
 *     http-loop task PORT     src/http, answered later from a task of the loop
 *     http-loop wait PORT     src/http, answered by a timer of 20 ms, so that requests are suspended */

#include <arpa/inet.h>
#include <errno.h>
#include <microhttpd.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "base/list.h"
#include "base/parse.h"
#include "base/str.h"
#include "http/http_server.h"
#include "service/log.h"
#include "service/service_life.h"

static const char body[] = "{\"code\":\"A1\",\"buying_price\":\"10.00\",\"selling_price\":\"12.50\","
                           "\"description\":\"A product for measuring\",\"version\":1}";

struct bench {
        struct service service; /* only its loop and its counters */
        struct loop_task task;
        struct list waiting;
        bool late, timed;
};

struct answer {
        struct list_link link;
        struct loop_timer timer;
        struct http_request *request;
};

static void reply(struct http_request *r)
{
        struct buf out = BUF_EMPTY;

        buf_append(&out, body, sizeof(body) - 1);
        http_reply_header(r, "ETag", "\"1\"");
        http_reply_buf(r, 200, "application/json", &out);
}

static void on_task(struct loop_task *t)
{
        struct bench *b = container_of(t, struct bench, task);

        LIST_FOREACH_SAFE (i, &b->waiting) {
                list_remove(i);
                reply(LIST_ENTRY(i, struct answer, link)->request);
        }
}

static void on_timer(struct loop_timer *t)
{
        reply(container_of(t, struct answer, timer)->request);
}

static void answer_done(void *op)
{
        loop_timer_done(&((struct answer *)op)->timer);
}

static int on_get(struct http_request *r)
{
        struct bench *b = http_request_context(r);
        struct answer *a;

        if (!b->late) {
                reply(r);
                return 0;
        }
        a = http_request_op(r, sizeof(*a), answer_done);
        if (!a)
                return -ENOMEM;
        a->request = r;
        if (b->timed)
                return loop_timer_start(&a->timer, b->service.loop, 20 * USEC_PER_MSEC, on_timer);
        list_append(&b->waiting, &a->link);
        loop_task_schedule(&b->task);
        return 0;
}

static int listen_on(uint16_t port)
{
        struct sockaddr_in in = {
                .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
        int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), one = 1;

        (void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
        if (fd < 0 || bind(fd, (struct sockaddr *)&in, sizeof(in)) < 0 || listen(fd, 4096) < 0)
                return -errno;
        return fd;
}

static enum MHD_Result on_bare(void *cls, struct MHD_Connection *c, const char *url, const char *method,
                               const char *version, const char *upload, size_t *upload_size, void **context)
{
        struct MHD_Response *response;
        enum MHD_Result r;

        if (!*context) {
                *context = (void *)body;
                return MHD_YES;
        }
        response = MHD_create_response_from_buffer(sizeof(body) - 1, (void *)body, MHD_RESPMEM_PERSISTENT);
        (void)MHD_add_response_header(response, "Content-Type", "application/json");
        r = MHD_queue_response(c, 200, response);
        MHD_destroy_response(response);
        return r;
}

static int run_bare(int fd)
{
        struct MHD_Daemon *d = MHD_start_daemon(MHD_USE_EPOLL, 0, NULL, NULL, on_bare, NULL,
                                                MHD_OPTION_LISTEN_SOCKET, fd, MHD_OPTION_END);

        while (d && MHD_run_wait(d, 1000) == MHD_YES)
                continue;
        return -EIO;
}

static int run_ours(int fd, bool late, bool timed)
{
        static const struct http_route routes[] = {{.method = "GET", .path = "/{any}", .begin = on_get}, {0}};
        static const struct http_route *const lists[] = {routes, NULL};
        const struct http_conf conf = {1 << 20, 2000, 10000, 10 * USEC_PER_SEC, 15 * USEC_PER_SEC};
        struct service_conf service_conf = {.log_level = LOG_INFO};
        struct bench b = {.late = late, .timed = timed, .service.conf = &service_conf};
        const struct http_server_setup setup = {.routes = lists, .context = &b, .conf = &conf};
        struct http_server *server;
        int r;

        list_init(&b.waiting);
        r = sd_event_new(&b.service.loop);
        if (r >= 0)
                r = loop_task_init(&b.task, b.service.loop, on_task);
        if (r >= 0)
                r = http_server_new(&server, &b.service, &setup);
        if (r >= 0)
                r = http_server_listen(server, fd, false, NULL);
        return r < 0 ? r : sd_event_loop(b.service.loop);
}

int main(int argc, char *argv[])
{
        uint64_t port;
        int fd, r;

        if (argc != 3 || parse_u64(argv[2], 1, 65535, &port) < 0) {
                (void)fprintf(stderr, "usage: http-loop bare|now|task|wait PORT\n");
                return 2;
        }
        fd = listen_on((uint16_t)port);
        if (fd < 0)
                r = fd;
        else if (streq(argv[1], "bare"))
                r = run_bare(fd);
        else
                r = run_ours(fd, !streq(argv[1], "now"), streq(argv[1], "wait"));
        (void)fprintf(stderr, "http-loop: %s\n", strerror(-r));
        return 1;
}
