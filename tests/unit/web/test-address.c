/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>

#include "base/macro.h"
#include "web/web_address.h"

/* IPv4 counts by address, IPv6 by /64; only a proxy on this host is believed, and only its own last entry. */
static void test_addresses(void **state)
{
        static const struct {
                const char *peer;
                bool is_loopback;
                const char *forwarded, *address;
        } cases[] = {
                {"192.0.2.7:40000", false, NULL, "192.0.2.7"},
                {"[2001:db8:1:2:3::4]:40000", false, NULL, "2001:db8:1:2::/64"},
                {"[::ffff:192.0.2.7]:40000", false, NULL, "192.0.2.7"},
                {"unix", false, NULL, "unix"},
                {"192.0.2.7:40000", false, "198.51.100.1", "192.0.2.7"},
                {"127.0.0.1:40000", true, NULL, "127.0.0.1"},
                {"127.0.0.1:40000", true, "198.51.100.1", "198.51.100.1"},
                {"127.0.0.1:40000", true, "10.0.0.1, 198.51.100.1 ", "198.51.100.1"},
                {"127.0.0.1:40000", true, "2001:db8:1:2::9", "2001:db8:1:2::/64"},
                {"127.0.0.1:40000", true, "unknown", "127.0.0.1"},
                {"127.0.0.1:40000", true, "", "127.0.0.1"},
                {"[::1]:40000", true, "198.51.100.1,", "::/64"},
        };
        char address[WEB_ADDRESS_SIZE];

        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                struct net_peer peer = {.is_loopback = cases[i].is_loopback};

                snprintf(peer.text, sizeof(peer.text), "%s", cases[i].peer);
                web_client_address(&peer, cases[i].forwarded, address);
                assert_string_equal(address, cases[i].address);
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_addresses),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
