/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/alloc.h"
#include "base/buf.h"
#include "base/fd.h"
#include "service/service.h"

#define CREDENTIAL_MAX (64 * 1024) /* a certificate chain is the longest */

int service_credential(const char *name, char **ret)
{
        const char *dir = getenv("CREDENTIALS_DIRECTORY");
        _cleanup_free_ char *path = NULL, *text = NULL;
        struct buf b = BUF_EMPTY;
        size_t n;
        int r;

        if (!dir)
                return -ENOENT;
        buf_printf(&b, "%s/lonja_%s", dir, name);
        path = buf_take(&b, NULL);
        if (!path)
                return -ENOMEM;
        r = fd_read_file(path, CREDENTIAL_MAX, &text, &n);
        if (r < 0)
                return r;
        if (n > 0 && text[n - 1] == '\n')
                text[n - 1] = '\0';
        *ret = TAKE_PTR(text);
        return 0;
}
