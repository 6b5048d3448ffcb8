/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */

#include <string.h>

#include "base/alloc.h"
#include "fuzz.h"
#include "web/web_etag.h"

/* A version that If-Match names is written in one way only, and If-None-Match finds it too. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        _cleanup_free_ char *text = memdup_str(data, size);
        char etag[WEB_ETAG_SIZE];
        int64_t version = 0, again;

        if (!text)
                return 0;
        (void)web_if_none_match(text, 7);
        if (web_if_match_parse(text, &version) < 0 || version == WEB_MATCH_ANY || version == WEB_MATCH_NEVER)
                return 0;
        fuzz_check(version >= 0);
        fuzz_check(web_if_none_match(text, version));
        web_etag_format(version, etag);
        fuzz_check(strstr(text, etag));
        fuzz_check(web_if_match_parse(etag, &again) == 0 && again == version);
        return 0;
}
