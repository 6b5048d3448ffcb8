/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */
#include "auth/auth.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/macro.h"
#include "base/str.h"

static const char *const anonymous_names[] = {"no", "loopback", "all", NULL}; /* enum auth_anonymous */

#define OPTION(key_, type_, field_, fallback_, ...)                                                          \
        {                                                                                                    \
                .section = "Auth", .key = (key_), .type = (type_),                                           \
                .offset = offsetof(struct auth_conf, field_), .fallback = (fallback_), __VA_ARGS__           \
        }

const struct conf_option auth_options[] = {
        OPTION("AnonymousRead", CONF_ENUM, anonymous_read, "loopback", .names = anonymous_names),
        OPTION("SessionSec", CONF_USEC, session_usec, "12h", .min = 60 * USEC_PER_SEC,
               .max = 366 * 86400 * USEC_PER_SEC),
        OPTION("LoginFailuresMax", CONF_UINT, login_failures_max, "10", .min = 1, .max = 1000000),
        OPTION("LoginWindowSec", CONF_USEC, login_window_usec, "5min", .min = USEC_PER_SEC,
               .max = 86400 * USEC_PER_SEC),
        {NULL},
};

static const struct {
        const char *word;
        unsigned bit;
} scope_words[] = {
        {"read", AUTH_READ},
        {"write", AUTH_WRITE},
        {"admin", AUTH_ADMIN},
};

bool auth_username_is_valid(const char *s)
{
        size_t n = strnlen(s, AUTH_USERNAME_MAX + 1);

        if (n == 0 || n > AUTH_USERNAME_MAX || s[0] < 'a' || s[0] > 'z')
                return false;
        return strspn(s, "abcdefghijklmnopqrstuvwxyz0123456789._-") == n;
}

static unsigned scope_bit(const char *word, size_t n)
{
        for (size_t i = 0; i < ARRAY_SIZE(scope_words); i++)
                if (strlen(scope_words[i].word) == n && memcmp(scope_words[i].word, word, n) == 0)
                        return scope_words[i].bit;
        return 0;
}

int auth_scopes_parse(const char *s, unsigned *ret)
{
        unsigned scopes = 0;

        for (s += strspn(s, " "); *s; s += strspn(s, " ")) {
                size_t n = strcspn(s, " ");
                unsigned bit = scope_bit(s, n);

                if (bit == 0)
                        return -EINVAL;
                scopes |= bit;
                s += n;
        }
        if (scopes == 0)
                return -EINVAL;
        *ret = auth_scopes_normal(scopes);
        return 0;
}

unsigned auth_scopes_normal(unsigned scopes)
{
        return scopes & AUTH_ADMIN ? AUTH_READ | AUTH_WRITE | AUTH_ADMIN : scopes;
}

void auth_scopes_format(unsigned scopes, char out[AUTH_SCOPES_SIZE])
{
        size_t n = 0;

        out[0] = '\0';
        for (size_t i = 0; i < ARRAY_SIZE(scope_words); i++)
                if (scopes & scope_words[i].bit)
                        n += (size_t)snprintf(out + n, AUTH_SCOPES_SIZE - n, "%s%s", n > 0 ? " " : "",
                                              scope_words[i].word);
}

bool auth_allows(const struct auth_identity *who, unsigned scope)
{
        return (auth_scopes_normal(who->scopes) & scope) == scope;
}
