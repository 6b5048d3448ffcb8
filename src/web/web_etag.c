/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */
#include "web/web_etag.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/parse.h"
#include "base/str.h"

#define SPACE " \t"
#define VERSION_DIGITS_MAX 19

void web_etag_format(int64_t version, char out[WEB_ETAG_SIZE])
{
        snprintf(out, WEB_ETAG_SIZE, "\"%" PRIi64 "\"", version);
}

static bool is_etagc(char c)
{
        return c == '!' || (c >= '#' && c <= '~') || (c & 0x80);
}

/* The version in a tag's n bytes between the quotes, if it is written as we write it. */
static int64_t tag_version(const char *s, size_t n)
{
        char digits[VERSION_DIGITS_MAX + 1];
        int64_t version;

        if (n == 0 || n > VERSION_DIGITS_MAX || strspn(s, "0123456789") < n || (s[0] == '0' && n > 1))
                return WEB_MATCH_NEVER;
        memcpy(digits, s, n);
        digits[n] = '\0';
        return parse_i64(digits, &version) < 0 ? WEB_MATCH_NEVER : version;
}

/* One entity-tag at *s, which moves behind it. */
static int next_tag(const char **s, bool *ret_weak, int64_t *ret_version)
{
        const char *p = *s;
        bool weak = false;
        size_t n = 0;

        if (startswith(p, "W/")) {
                weak = true;
                p += 2;
        }
        if (*p++ != '"')
                return -EINVAL;
        while (is_etagc(p[n]))
                n++;
        if (p[n] != '"')
                return -EINVAL;
        *s = p + n + 1;
        *ret_weak = weak;
        *ret_version = tag_version(p, n);
        return 0;
}

int web_if_match_parse(const char *header, int64_t *ret)
{
        const char *s = header + strspn(header, SPACE);
        int64_t version;
        bool weak;
        int r;

        if (*s == '*') {
                s++;
                version = WEB_MATCH_ANY;
        } else {
                r = next_tag(&s, &weak, &version);
                if (r < 0)
                        return r;
                if (weak)
                        version = WEB_MATCH_NEVER;
        }
        s += strspn(s, SPACE);
        if (*s == ',' && version != WEB_MATCH_ANY)
                return -E2BIG;
        if (*s)
                return -EINVAL;
        *ret = version;
        return 0;
}

bool web_if_none_match(const char *header, int64_t version)
{
        const char *s = header + strspn(header, SPACE);

        if (*s == '*')
                return s[1 + strspn(s + 1, SPACE)] == '\0';
        for (;;) {
                int64_t other;
                bool weak;

                s += strspn(s, SPACE ",");
                if (!*s || next_tag(&s, &weak, &other) < 0)
                        return false;
                if (other == version)
                        return true;
                s += strspn(s, SPACE);
                if (*s && *s != ',')
                        return false;
        }
}
