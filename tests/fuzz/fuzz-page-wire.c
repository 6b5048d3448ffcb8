/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */

#include <string.h>

#include "base/alloc.h"
#include "bridge/page_wire.h"
#include "fuzz.h"

/* Whatever is taken for a page lies within the text, on one line, and the next page's path is fit for a
 * request. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        _cleanup_free_ char *text = malloc(size > 0 ? size : 1);
        struct page_wire page;

        if (!text)
                return 0;
        if (size > 0)
                memcpy(text, data, size);
        if (page_wire_decode(text, size, &page) < 0)
                return 0;
        fuzz_check(page.results >= text && page.results + page.results_size <= text + size);
        fuzz_check(page.results[0] == '[' && page.results[page.results_size - 1] == ']');
        fuzz_check(!memchr(page.results, '\n', page.results_size) &&
                   !memchr(page.results, '\r', page.results_size));
        if (page.next)
                fuzz_check(page.next[0] == '/' && !strpbrk(page.next, " \r\n"));
        page_wire_done(&page);
        return 0;
}
