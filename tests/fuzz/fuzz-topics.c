/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "fuzz.h"
#include "http/http_list.h"
#include "notifier/origin.h"
#include "notifier/topics.h"

/* topics=, a type, Origin and a header that is a list: four texts with line feeds between them. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        _cleanup_free_ char *text = memdup_str(data, size);
        char empty[] = "", *parts[4] = {NULL}, *rest = text;
        const char *reason = NULL;
        struct topics *t = NULL;
        struct map book;
        int r;

        for (size_t i = 0; i < 4; i++)
                parts[i] = rest ? strsep(&rest, "\n") : empty;
        map_init(&book);
        r = topics_get(&book, parts[0], 8, &t, &reason);
        fuzz_check(r == 0 || (r == -EINVAL && reason));
        if (r == 0) {
                fuzz_check(t->n_items >= 1 && t->n_items <= 8);
                (void)topics_match(t, parts[1]);
                topics_unref(t);
        }
        fuzz_check(book.n_entries == 0);
        map_done(&book);
        (void)origin_is_allowed(parts[2], parts[3], size % 2 == 0, parts[0]);
        if (http_list_has(parts[3], "lonja.v1", false))
                fuzz_check(strstr(parts[3], "lonja.v1") != NULL);
        return 0;
}
