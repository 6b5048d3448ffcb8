/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */

#include "contract/grpc_status.h"
#include "base/macro.h"
#include "base/str.h"

static const char *const names[GRPC_CODES] = {
        [GRPC_OK] = "OK",
        [GRPC_CANCELLED] = "CANCELLED",
        [GRPC_UNKNOWN] = "UNKNOWN",
        [GRPC_INVALID_ARGUMENT] = "INVALID_ARGUMENT",
        [GRPC_DEADLINE_EXCEEDED] = "DEADLINE_EXCEEDED",
        [GRPC_NOT_FOUND] = "NOT_FOUND",
        [GRPC_ALREADY_EXISTS] = "ALREADY_EXISTS",
        [GRPC_PERMISSION_DENIED] = "PERMISSION_DENIED",
        [GRPC_RESOURCE_EXHAUSTED] = "RESOURCE_EXHAUSTED",
        [GRPC_FAILED_PRECONDITION] = "FAILED_PRECONDITION",
        [GRPC_ABORTED] = "ABORTED",
        [GRPC_OUT_OF_RANGE] = "OUT_OF_RANGE",
        [GRPC_UNIMPLEMENTED] = "UNIMPLEMENTED",
        [GRPC_INTERNAL] = "INTERNAL",
        [GRPC_UNAVAILABLE] = "UNAVAILABLE",
        [GRPC_DATA_LOSS] = "DATA_LOSS",
        [GRPC_UNAUTHENTICATED] = "UNAUTHENTICATED",
};

const char *grpc_code_name(enum grpc_code code)
{
        return code >= GRPC_OK && code < GRPC_CODES ? names[code] : names[GRPC_UNKNOWN];
}

static const struct {
        const char *slug;
        enum grpc_code code;
} by_slug[] = {
        {"already-exists", GRPC_ALREADY_EXISTS},
        /* Not UNAVAILABLE: libraries repeat a call that ended so, and without a key it might be done twice.
         */
        {"outcome-unknown", GRPC_UNKNOWN},
        {"idempotency-key-reused", GRPC_FAILED_PRECONDITION},
        {"timeout", GRPC_DEADLINE_EXCEEDED},
};

static const struct {
        unsigned status;
        enum grpc_code code;
} by_status[] = {
        {400, GRPC_INVALID_ARGUMENT},
        {401, GRPC_UNAUTHENTICATED},
        {403, GRPC_PERMISSION_DENIED},
        {404, GRPC_NOT_FOUND},
        {405, GRPC_UNIMPLEMENTED},
        {408, GRPC_DEADLINE_EXCEEDED},
        {409, GRPC_ABORTED},
        {410, GRPC_NOT_FOUND},
        {412, GRPC_FAILED_PRECONDITION},
        {413, GRPC_RESOURCE_EXHAUSTED},
        {415, GRPC_INVALID_ARGUMENT},
        {422, GRPC_INVALID_ARGUMENT},
        {429, GRPC_RESOURCE_EXHAUSTED},
        {431, GRPC_RESOURCE_EXHAUSTED},
        {499, GRPC_CANCELLED},
        {500, GRPC_INTERNAL},
        {501, GRPC_UNIMPLEMENTED},
        {502, GRPC_UNAVAILABLE},
        {503, GRPC_UNAVAILABLE},
        {504, GRPC_DEADLINE_EXCEEDED},
};

enum grpc_code grpc_code_of_problem(unsigned status, const char *slug)
{
        for (size_t i = 0; slug && i < ARRAY_SIZE(by_slug); i++)
                if (streq(by_slug[i].slug, slug))
                        return by_slug[i].code;
        for (size_t i = 0; i < ARRAY_SIZE(by_status); i++)
                if (by_status[i].status == status)
                        return by_status[i].code;
        if (status >= 200 && status < 300)
                return GRPC_OK;
        return status >= 400 && status < 500 ? GRPC_INVALID_ARGUMENT : GRPC_UNKNOWN;
}

enum grpc_code grpc_code_of_http(unsigned status)
{
        switch (status) {
        case 400:
                return GRPC_INTERNAL;
        case 401:
                return GRPC_UNAUTHENTICATED;
        case 403:
                return GRPC_PERMISSION_DENIED;
        case 404:
                return GRPC_UNIMPLEMENTED;
        case 429:
        case 502:
        case 503:
        case 504:
                return GRPC_UNAVAILABLE;
        default:
                return GRPC_UNKNOWN;
        }
}
