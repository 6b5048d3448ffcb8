/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */
#include "cli/cli_secret.h"

#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/buf.h"
#include "base/fd.h"
#include "base/str.h"
#include "base/url.h"

#define SECRET_MAX 4096

char *cli_secret_read(const char *dir, const char *name)
{
        _cleanup_free_ char *path = NULL;
        char *text = NULL;

        if (asprintf(&path, "%s/credentials/lonja/%s", dir, name) < 0)
                return path = NULL;
        if (fd_read_file(path, SECRET_MAX, &text, NULL) < 0)
                return NULL;
        text[strcspn(text, "\n")] = '\0';
        return text;
}

char *cli_secret_in_amqp(const char *uri, const char *password)
{
        const char *begin = strstr(uri, "://"), *end, *at;
        struct buf b = BUF_EMPTY;

        if (!begin)
                return strdup(uri);
        begin += strlen("://");
        end = begin + strcspn(begin, "/");
        at = memchr(begin, '@', (size_t)(end - begin));
        if (!at || memchr(begin, ':', (size_t)(at - begin)))
                return strdup(uri);
        buf_append(&b, uri, (size_t)(at - uri));
        buf_append_char(&b, ':');
        url_encode(&b, password);
        buf_append_str(&b, at);
        return buf_take(&b, NULL);
}
