/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <string.h>

#include "base/macro.h"
#include "fetch/fetch_address.h"

static bool is_public(const char *text)
{
        struct sockaddr_in6 v6 = {.sin6_family = AF_INET6};
        struct sockaddr_in v4 = {.sin_family = AF_INET};

        if (inet_pton(AF_INET, text, &v4.sin_addr) == 1)
                return fetch_address_is_public((const struct sockaddr *)&v4);
        assert_int_equal(inet_pton(AF_INET6, text, &v6.sin6_addr), 1);
        return fetch_address_is_public((const struct sockaddr *)&v6);
}

/* Both ends of every range, and their neighbours. */
static void test_addresses(void **state)
{
        static const char *const outside[] = {
                "1.0.0.0",        "9.255.255.255",        "11.0.0.0",
                "100.63.255.255", "100.128.0.0",          "126.255.255.255",
                "128.0.0.0",      "169.253.255.255",      "169.255.0.0",
                "172.15.255.255", "172.32.0.0",           "192.0.1.0",
                "192.0.3.0",      "192.167.255.255",      "192.169.0.0",
                "198.17.255.255", "198.20.0.0",           "198.51.99.255",
                "203.0.114.0",    "223.255.255.255",      "8.8.8.8",
                "2001:200::1",    "2001:4860:4860::8888", "2003::1",
                "2600::1",        "2001:db7::1",          "2001:db9::1",
                "3fff:1000::1",
        };
        static const char *const inside[] = {
                "0.0.0.0",
                "0.255.255.255",
                "10.0.0.0",
                "10.255.255.255",
                "100.64.0.0",
                "100.127.255.255",
                "127.0.0.1",
                "127.255.255.255",
                "169.254.169.254",
                "172.16.0.0",
                "172.31.255.255",
                "192.0.0.8",
                "192.0.2.1",
                "192.88.99.1",
                "192.168.0.1",
                "192.168.255.255",
                "198.18.0.0",
                "198.19.255.255",
                "198.51.100.7",
                "203.0.113.7",
                "224.0.0.1",
                "240.0.0.1",
                "255.255.255.255",
                "::",
                "::1",
                "::ffff:8.8.8.8",
                "::ffff:127.0.0.1",
                "::7f00:1",
                "64:ff9b::7f00:1",
                "64:ff9b::808:808",
                "100::1",
                "2001::1",
                "2001:1ff::1",
                "2001:db8::1",
                "2002:7f00:1::1",
                "3fff::1",
                "fc00::1",
                "fd12::1",
                "fe80::1",
                "fec0::1",
                "ff02::1",
        };

        for (size_t i = 0; i < ARRAY_SIZE(outside); i++)
                assert_true(is_public(outside[i]));
        for (size_t i = 0; i < ARRAY_SIZE(inside); i++)
                assert_false(is_public(inside[i]));
        assert_false(fetch_address_is_public(&(struct sockaddr){.sa_family = AF_UNIX}));
}

/* The host is the one that will be connected to, whatever the URL tries. */
static void test_hosts(void **state)
{
        static const struct {
                const char *url, *host;
        } good[] = {
                {"http://example.org/a?b=c", "example.org"},
                {"HTTPS://Example.ORG:8443", "example.org"},
                {"http://[2001:DB8::1]:80/", "2001:db8::1"},
                {"http://127.1/", "127.0.0.1"},
                {"http://0x7f.1/", "127.0.0.1"},
                {"http://2130706433/", "127.0.0.1"},
                {"http:///a", "a"},
        };
        static const char *const bad[] = {
                "",
                "example.org",
                "ftp://example.org",
                "file:///etc/passwd",
                "http://",
                "http://a@b/",
                "http://a:b@c/",
                "gopher://x",
                "http://a b/",
                "javascript:1",
        };
        char host[64];

        for (size_t i = 0; i < ARRAY_SIZE(good); i++) {
                assert_int_equal(fetch_url_host(good[i].url, host, sizeof(host)), 0);
                assert_string_equal(host, good[i].host);
        }
        for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
                assert_int_equal(fetch_url_host(bad[i], host, sizeof(host)), -EINVAL);
        assert_int_equal(fetch_url_host("http://example.org/", host, 11), -ENOBUFS);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_addresses),
                cmocka_unit_test(test_hosts),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
