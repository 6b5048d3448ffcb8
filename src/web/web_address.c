/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */
#include "web/web_address.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

#define PREFIX_BYTES 8 /* /64 */

/* "192.0.2.7" stays; "2001:db8:1:2:3::4" becomes "2001:db8:1:2::/64". */
static bool normalize(const char *text, char out[WEB_ADDRESS_SIZE])
{
        struct in6_addr six;
        struct in_addr four;
        char prefix[INET6_ADDRSTRLEN];

        if (inet_pton(AF_INET, text, &four) == 1) {
                inet_ntop(AF_INET, &four, out, WEB_ADDRESS_SIZE);
                return true;
        }
        if (inet_pton(AF_INET6, text, &six) != 1)
                return false;
        if (IN6_IS_ADDR_V4MAPPED(&six)) {
                inet_ntop(AF_INET, six.s6_addr + 12, out, WEB_ADDRESS_SIZE);
                return true;
        }
        memset(six.s6_addr + PREFIX_BYTES, 0, sizeof(six.s6_addr) - PREFIX_BYTES);
        inet_ntop(AF_INET6, &six, prefix, sizeof(prefix));
        snprintf(out, WEB_ADDRESS_SIZE, "%s/64", prefix);
        return true;
}

/* The last entry of the list. */
static bool last_forwarded(const char *header, char out[WEB_ADDRESS_SIZE])
{
        const char *last = strrchr(header, ',');
        char text[WEB_ADDRESS_SIZE];
        size_t n;

        last = last ? last + 1 : header;
        last += strspn(last, " \t");
        n = strcspn(last, " \t");
        if (n >= sizeof(text))
                return false;
        memcpy(text, last, n);
        text[n] = '\0';
        return normalize(text, out);
}

/* "127.0.0.1:40122", "[::1]:4022", "unix" */
static bool without_port(const char *peer, char out[WEB_ADDRESS_SIZE])
{
        const char *colon = strrchr(peer, ':');
        char text[WEB_ADDRESS_SIZE];

        if (!colon)
                return false;
        if (*peer == '[' && colon > peer + 1)
                snprintf(text, sizeof(text), "%.*s", (int)(colon - peer - 2), peer + 1);
        else
                snprintf(text, sizeof(text), "%.*s", (int)(colon - peer), peer);
        return normalize(text, out);
}

void web_client_address(const struct net_peer *peer, const char *forwarded_for, char out[WEB_ADDRESS_SIZE])
{
        if (peer->is_loopback && forwarded_for && last_forwarded(forwarded_for, out))
                return;
        if (!without_port(peer->text, out))
                snprintf(out, WEB_ADDRESS_SIZE, "%s", peer->text);
}
