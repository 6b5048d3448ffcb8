/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* in this order */
#include <arpa/inet.h>
#include <cmocka.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "net/net_address.h"

/* Two ends of a connection over the given address. */
static void connect_over(struct sockaddr *address, socklen_t size, int *ret_client, int *ret_server)
{
        socklen_t bound = size;
        int listener = socket(address->sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);

        assert_true(listener >= 0);
        assert_int_equal(bind(listener, address, size), 0);
        assert_int_equal(listen(listener, 1), 0);
        assert_int_equal(getsockname(listener, address, &bound), 0);
        *ret_client = socket(address->sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
        assert_int_equal(connect(*ret_client, address, bound), 0);
        *ret_server = accept(listener, NULL, NULL);
        assert_true(*ret_server >= 0);
        (void)fd_close(listener);
}

/* An IPv4 peer: address and port as people write them, and whether it is this host. */
static void test_v4(void **state)
{
        struct sockaddr_in in = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(0x7f000002)}, own = {0};
        socklen_t size = sizeof(own);
        struct net_peer peer;
        char wanted[64];
        int client, server;

        connect_over((struct sockaddr *)&in, sizeof(in), &client, &server);
        assert_int_equal(getsockname(client, (struct sockaddr *)&own, &size), 0);
        (void)snprintf(wanted, sizeof(wanted), "%s:%u", inet_ntoa(own.sin_addr), ntohs(own.sin_port));
        assert_int_equal(net_peer_from_fd(server, false, &peer), 0);
        assert_string_equal(peer.text, wanted);
        assert_true(peer.is_loopback);
        assert_false(peer.is_admin);
        assert_int_equal(peer.uid, (uid_t)-1);
        (void)fd_close(client);
        (void)fd_close(server);
}

/* IPv6, and IPv4 mapped into it: a dual-stack listener knows loopback, too. */
static void test_v6(void **state)
{
        static const char *const hosts[] = {"::1", "::ffff:127.0.0.1"};
        static const char *const texts[] = {"[::1]:", "[::ffff:127.0.0.1]:"};

        for (size_t i = 0; i < 2; i++) {
                struct sockaddr_in6 in = {.sin6_family = AF_INET6};
                struct net_peer peer;
                int client, server, probe = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);

                assert_int_equal(inet_pton(AF_INET6, hosts[i], &in.sin6_addr), 1);
                if (probe < 0 || bind(probe, (struct sockaddr *)&in, sizeof(in)) < 0) {
                        (void)fd_close(probe);
                        skip(); /* a host without IPv6 */
                }
                (void)fd_close(probe);
                connect_over((struct sockaddr *)&in, sizeof(in), &client, &server);
                assert_int_equal(net_peer_from_fd(server, false, &peer), 0);
                assert_memory_equal(peer.text, texts[i], strlen(texts[i]));
                assert_true(peer.is_loopback);
                (void)fd_close(client);
                (void)fd_close(server);
        }
}

/* A Unix peer is no TCP loopback; its uid is known, and the door decides about admin. */
static void test_unix(void **state)
{
        struct net_peer peer;
        int pair[2];

        assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
        assert_int_equal(net_peer_from_fd(pair[0], true, &peer), 0);
        assert_string_equal(peer.text, "unix");
        assert_true(peer.is_admin);
        assert_false(peer.is_loopback);
        assert_int_equal(peer.uid, getuid());
        assert_int_equal(net_peer_from_fd(pair[0], false, &peer), 0);
        assert_false(peer.is_admin);
        (void)fd_close(pair[0]);
        (void)fd_close(pair[1]);
}

/* What is not connected is an error. */
static void test_not_connected(void **state)
{
        struct net_peer peer = {.text = "untouched"};
        int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

        assert_int_equal(net_peer_from_fd(fd, false, &peer), -ENOTCONN);
        assert_string_equal(peer.text, "untouched");
        (void)fd_close(fd);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_v4),
                cmocka_unit_test(test_v6),
                cmocka_unit_test(test_unix),
                cmocka_unit_test(test_not_connected),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
