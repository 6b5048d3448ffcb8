/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */
#include "mq/mq_uri.h"

#include <errno.h>
#include <stdio.h>

#include "base/alloc.h"
#include "base/parse.h"
#include "base/str.h"
#include "base/url.h"

static int bad(char reason[MQ_URI_REASON_SIZE], const char *text)
{
        (void)snprintf(reason, MQ_URI_REASON_SIZE, "%s", text);
        return -EINVAL;
}

static int decode(const char *s, size_t n, char **ret, char reason[MQ_URI_REASON_SIZE], const char *what)
{
        _cleanup_free_ char *out = malloc(n + 1);

        if (!out)
                return -ENOMEM;
        if (url_decode(s, n, false, out, n + 1) < 0)
                return bad(reason, what);
        *ret = TAKE_PTR(out);
        return 0;
}

static int parse_scheme(const char **p, struct mq_uri *u, char reason[MQ_URI_REASON_SIZE])
{
        const char *rest;

        if ((rest = startswith(*p, "amqp://"))) {
                u->port = 5672;
        } else if ((rest = startswith(*p, "amqps://"))) {
                u->port = 5671;
                u->tls = true;
        } else {
                return bad(reason, "must begin with amqp:// or amqps://");
        }
        *p = rest;
        return 0;
}

static int parse_user(const char *s, size_t n, struct mq_uri *u, char reason[MQ_URI_REASON_SIZE])
{
        const char *colon = memchr(s, ':', n);
        int r;

        if (colon) {
                r = decode(colon + 1, n - (size_t)(colon - s) - 1, &u->password, reason,
                           "has a broken percent escape in its password");
                if (r < 0)
                        return r;
                n = (size_t)(colon - s);
        }
        if (n == 0)
                return bad(reason, "has an empty user name");
        return decode(s, n, &u->user, reason, "has a broken percent escape in its user name");
}

/* "host", "host:port", "[v6]", "[v6]:port" */
static int parse_address(const char *s, size_t n, struct mq_uri *u, char reason[MQ_URI_REASON_SIZE])
{
        const char *end = s + n, *host_end, *port;
        char digits[8];
        uint64_t value;

        if (n > 0 && *s == '[') {
                s++;
                host_end = memchr(s, ']', (size_t)(end - s));
                if (!host_end)
                        return bad(reason, "has an unclosed bracket in its host");
                port = host_end + 1;
        } else {
                host_end = memchr(s, ':', n);
                if (!host_end)
                        host_end = end;
                port = host_end;
        }
        if (host_end == s)
                return bad(reason, "has no host");
        if (port != end) {
                n = (size_t)(end - port) - 1;
                if (*port != ':' || n == 0 || n >= sizeof(digits))
                        return bad(reason, "has a bad port");
                memcpy(digits, port + 1, n);
                digits[n] = '\0';
                if (parse_u64(digits, 1, 65535, &value) < 0)
                        return bad(reason, "has a bad port");
                u->port = (uint16_t)value;
        }
        u->host = memdup_str(s, (size_t)(host_end - s));
        return u->host ? 0 : -ENOMEM;
}

static int parse(const char *p, struct mq_uri *u, char reason[MQ_URI_REASON_SIZE])
{
        const char *slash, *at;
        size_t n;
        int r;

        r = parse_scheme(&p, u, reason);
        if (r < 0)
                return r;
        if (strpbrk(p, "?#"))
                return bad(reason, "may not have a query or fragment");

        slash = strchrnul(p, '/');
        n = (size_t)(slash - p);
        at = memrchr(p, '@', n);
        if (at) {
                r = parse_user(p, (size_t)(at - p), u, reason);
                if (r < 0)
                        return r;
                n -= (size_t)(at - p) + 1;
                p = at + 1;
        }
        r = parse_address(p, n, u, reason);
        if (r < 0)
                return r;

        if (*slash == '\0' || slash[1] == '\0')
                return strdup_to(&u->vhost, "/");
        if (strchr(slash + 1, '/'))
                return bad(reason, "has a slash in its virtual host (write %2F)");
        return decode(slash + 1, strlen(slash + 1), &u->vhost, reason,
                      "has a broken percent escape in its virtual host");
}

int mq_uri_parse(const char *text, struct mq_uri *ret, char reason[MQ_URI_REASON_SIZE])
{
        _cleanup_(mq_uri_done) struct mq_uri u = {0};
        int r;

        r = parse(text, &u, reason);
        if (r < 0)
                return r;
        if (!u.user) {
                r = strdup_to(&u.user, "guest");
                if (r < 0)
                        return r;
        }
        *ret = u;
        u = (struct mq_uri){0};
        return 0;
}

void mq_uri_done(struct mq_uri *u)
{
        free(u->host);
        free(u->user);
        free(u->vhost);
        free(u->password);
        *u = (struct mq_uri){0};
}
