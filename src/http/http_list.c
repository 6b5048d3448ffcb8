/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */

#include <string.h>
#include <strings.h>

#include "http/http_list.h"

const char *http_list_next(const char **list, size_t *ret_size)
{
        const char *s = *list;
        size_t n;

        s += strspn(s, " \t,");
        n = strcspn(s, ",");
        *list = s + n;
        while (n > 0 && (s[n - 1] == ' ' || s[n - 1] == '\t'))
                n--;
        *ret_size = n;
        return n > 0 ? s : NULL;
}

bool http_list_has(const char *list, const char *element, bool ignore_case)
{
        size_t size = strlen(element), n;
        const char *s;

        while (list && (s = http_list_next(&list, &n)))
                if (n == size && (ignore_case ? strncasecmp(s, element, n) : strncmp(s, element, n)) == 0)
                        return true;
        return false;
}
