/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */

#include <stdlib.h>
#include <string.h>

#include "fuzz.h"
#include "gateway/record_message.h"

/* The first line is the content type. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        struct field_errors errors = {.n_errors = 0};
        const uint8_t *end = memchr(data, '\n', size);
        char type[64], *message = NULL;
        const char *reason;
        size_t n = end ? (size_t)(end - data) : 0;

        if (!end || n >= sizeof(type))
                return 0;
        memcpy(type, data, n);
        type[n] = '\0';
        (void)record_template_check(type, &reason);
        if (record_message_decode(type, (const char *)end + 1, size - n - 1, &message, &errors) == 0)
                fuzz_check(record_message_is_valid(message, strlen(message)));
        else
                fuzz_check(!message && errors.n_errors > 0);
        free(message);
        return 0;
}
