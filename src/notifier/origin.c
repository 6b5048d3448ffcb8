/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */

#include <string.h>
#include <strings.h>

#include "base/macro.h"
#include "base/str.h"
#include "notifier/origin.h"

static bool is_listed(const char *origin, const char *allowed)
{
        size_t size = strlen(origin);

        for (const char *s = allowed + strspn(allowed, " "); *s; s += strspn(s, " ")) {
                size_t n = strcspn(s, " ");

                if ((n == 1 && *s == '*') || (n == size && strncasecmp(s, origin, n) == 0))
                        return true;
                s += n;
        }
        return false;
}

/* "localhost:8002" -> 9 bytes; "[::1]:8002" -> 5. */
static size_t name_size(const char *host)
{
        const char *end = host[0] == '[' ? strchr(host, ']') : NULL;

        return end ? (size_t)(end - host) + 1 : strcspn(host, ":");
}

static bool is_this_host(const char *host)
{
        static const char *const names[] = {"localhost", "127.0.0.1", "[::1]"};
        size_t n = name_size(host);

        for (size_t i = 0; i < ARRAY_SIZE(names); i++)
                if (n == strlen(names[i]) && strncasecmp(host, names[i], n) == 0)
                        return true;
        return false;
}

bool origin_is_allowed(const char *origin, const char *host, bool has_token, const char *allowed)
{
        const char *authority;

        if (!origin || is_listed(origin, allowed))
                return true;
        authority = startswith(origin, "http://");
        if (!authority)
                authority = startswith(origin, "https://");
        if (!authority || !host || strcasecmp(authority, host) != 0)
                return false;
        return has_token || is_this_host(host);
}
