/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */

/* bare-mhd PORT: libmicrohttpd and nothing else, answering every request with one constant product.
 *
 * The ceiling that GET is measured against: the same library, one thread on epoll, an answer of the same size
 * with headers of the same kind, but no loop around it, no database, no routing. */

#include <arpa/inet.h>
#include <microhttpd.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#define CONNECTIONS_MAX 4000
#define PORT_MAX 65535

static const char body[] = "{\"code\":\"B000001\",\"description\":\"A product of the benchmark, number "
                           "1\",\"buying_price\":\"1.00\","
                           "\"selling_price\":\"1.30\",\"created_at\":\"2026-01-01T00:00:00.000000Z\","
                           "\"updated_at\":\"2026-01-01T00:00:00.000000Z\",\"version\":1}";

static enum MHD_Result on_request(void *context, struct MHD_Connection *connection, const char *url,
                                  const char *method, const char *version, const char *upload_data,
                                  size_t *upload_data_size, void **request)
{
        if (!*request) {
                *request = context; /* an answer at this first call would close the connection after it */
                return MHD_YES;
        }
        return MHD_queue_response(connection, MHD_HTTP_OK, context);
}

static int serve(struct MHD_Response *response, const struct sockaddr_in *address)
{
        struct MHD_Daemon *daemon;
        sigset_t set;
        int number;

        daemon = MHD_start_daemon(MHD_USE_EPOLL | MHD_USE_INTERNAL_POLLING_THREAD, 0, NULL, NULL, on_request,
                                  response, MHD_OPTION_SOCK_ADDR, address, MHD_OPTION_CONNECTION_LIMIT,
                                  (unsigned)CONNECTIONS_MAX, MHD_OPTION_CONNECTION_TIMEOUT, 15U,
                                  MHD_OPTION_END);
        if (!daemon) {
                fprintf(stderr, "bare-mhd: cannot listen\n");
                return 1;
        }
        sigemptyset(&set);
        sigaddset(&set, SIGTERM);
        sigaddset(&set, SIGINT);
        sigwait(&set, &number);
        MHD_stop_daemon(daemon);
        return 0;
}

int main(int argc, char *argv[])
{
        struct sockaddr_in address = {.sin_family = AF_INET};
        struct MHD_Response *response;
        unsigned port;
        sigset_t set;
        int r;

        if (argc != 2 || sscanf(argv[1], "%u", &port) != 1 || port > PORT_MAX) {
                fprintf(stderr, "usage: bare-mhd PORT\n");
                return 2;
        }
        sigemptyset(&set);
        sigaddset(&set, SIGTERM);
        sigaddset(&set, SIGINT);
        sigprocmask(SIG_BLOCK, &set, NULL); /* before there are threads */
        address.sin_port = htons((in_port_t)port);
        address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        response = MHD_create_response_from_buffer(sizeof(body) - 1, (void *)body, MHD_RESPMEM_PERSISTENT);
        MHD_add_response_header(response, "Content-Type", "application/json");
        MHD_add_response_header(response, "ETag", "\"1\"");
        MHD_add_response_header(response, "X-Request-ID", "0123456789abcdef0123456789abcdef");
        r = serve(response, &address);
        MHD_destroy_response(response);
        return r;
}
