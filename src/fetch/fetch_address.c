/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */

#include "fetch/fetch_address.h"

#include <arpa/inet.h>
#include <curl/curl.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdint.h>
#include <string.h>

#include "base/macro.h"
#include "base/str.h"

/* Prefixes that are no host of the public Internet. */
static const struct {
        uint32_t prefix;
        unsigned bits;
} reserved[] = {
        {0x00000000, 8},  /* 0.0.0.0/8 this network */
        {0x0a000000, 8},  /* 10.0.0.0/8 private */
        {0x64400000, 10}, /* 100.64.0.0/10 shared */
        {0x7f000000, 8},  /* 127.0.0.0/8 loopback */
        {0xa9fe0000, 16}, /* 169.254.0.0/16 link-local */
        {0xac100000, 12}, /* 172.16.0.0/12 private */
        {0xc0000000, 24}, /* 192.0.0.0/24 protocol assignments */
        {0xc0000200, 24}, /* 192.0.2.0/24 documentation */
        {0xc0586300, 24}, /* 192.88.99.0/24 6to4 relays */
        {0xc0a80000, 16}, /* 192.168.0.0/16 private */
        {0xc6120000, 15}, /* 198.18.0.0/15 benchmarks */
        {0xc6336400, 24}, /* 198.51.100.0/24 documentation */
        {0xcb007100, 24}, /* 203.0.113.0/24 documentation */
        {0xe0000000, 3},  /* 224.0.0.0/3 multicast, reserved, broadcast */
};

static bool is_public_v4(uint32_t address)
{
        for (size_t i = 0; i < ARRAY_SIZE(reserved); i++)
                if ((address ^ reserved[i].prefix) >> (32 - reserved[i].bits) == 0)
                        return false;
        return true;
}

/* Only global unicast, 2000::/3, has hosts; of that, not what is special or carries an IPv4 address. */
static bool is_public_v6(const uint8_t a[16])
{
        if ((a[0] & 0xe0) != 0x20)
                return false;
        if (a[0] == 0x20 && a[1] == 0x01 && a[2] < 0x02)
                return false; /* 2001::/23 protocol assignments, Teredo */
        if (a[0] == 0x20 && a[1] == 0x01 && a[2] == 0x0d && a[3] == 0xb8)
                return false; /* 2001:db8::/32 documentation */
        if (a[0] == 0x20 && a[1] == 0x02)
                return false;                                  /* 2002::/16 6to4 */
        return !(a[0] == 0x3f && a[1] == 0xff && a[2] < 0x10); /* 3fff::/20 documentation */
}

bool fetch_address_is_public(const struct sockaddr *address)
{
        if (address->sa_family == AF_INET) {
                struct sockaddr_in v4;

                memcpy(&v4, address, sizeof(v4));
                return is_public_v4(ntohl(v4.sin_addr.s_addr));
        }
        if (address->sa_family == AF_INET6) {
                struct sockaddr_in6 v6;

                memcpy(&v6, address, sizeof(v6));
                return is_public_v6(v6.sin6_addr.s6_addr);
        }
        return false;
}

static int read_host(CURLU *u, char *host, size_t size)
{
        char *part = NULL, *user = NULL;
        size_t n = 0;
        int r = 0;

        if (curl_url_get(u, CURLUPART_USER, &user, 0) == CURLUE_OK) {
                curl_free(user);
                return -EINVAL;
        }
        if (curl_url_get(u, CURLUPART_HOST, &part, 0) != CURLUE_OK || *part == '\0')
                r = -EINVAL;
        for (const char *p = part; r == 0 && *p; p++) {
                if (*p == '[' || *p == ']')
                        continue;
                if (n + 1 >= size)
                        r = -ENOBUFS;
                else
                        host[n++] = *p >= 'A' && *p <= 'Z' ? (char)(*p - 'A' + 'a') : *p;
        }
        if (r == 0)
                host[n] = '\0';
        curl_free(part);
        return r;
}

int fetch_url_host(const char *url, char *host, size_t size)
{
        CURLU *u = curl_url();
        char *scheme = NULL;
        int r = -EINVAL;

        if (!u)
                return -ENOMEM;
        if (curl_url_set(u, CURLUPART_URL, url, 0) == CURLUE_OK &&
            curl_url_get(u, CURLUPART_SCHEME, &scheme, 0) == CURLUE_OK &&
            (streq(scheme, "http") || streq(scheme, "https")))
                r = read_host(u, host, size);
        curl_free(scheme);
        curl_url_cleanup(u);
        return r;
}
