/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */
#pragma once

/* gRPC's status codes (grpc/doc/statuscodes.md), and which of them stands for a problem of the REST
 * interface: the slug is the same in both, a gRPC message is "<slug>: <detail>". */

enum grpc_code {
        GRPC_OK = 0,
        GRPC_CANCELLED = 1,
        GRPC_UNKNOWN = 2,
        GRPC_INVALID_ARGUMENT = 3,
        GRPC_DEADLINE_EXCEEDED = 4,
        GRPC_NOT_FOUND = 5,
        GRPC_ALREADY_EXISTS = 6,
        GRPC_PERMISSION_DENIED = 7,
        GRPC_RESOURCE_EXHAUSTED = 8,
        GRPC_FAILED_PRECONDITION = 9,
        GRPC_ABORTED = 10,
        GRPC_OUT_OF_RANGE = 11,
        GRPC_UNIMPLEMENTED = 12,
        GRPC_INTERNAL = 13,
        GRPC_UNAVAILABLE = 14,
        GRPC_DATA_LOSS = 15,
        GRPC_UNAUTHENTICATED = 16,
        GRPC_CODES,
};

/* "NOT_FOUND"; "UNKNOWN" for a number that is none. */
const char *grpc_code_name(enum grpc_code code);
/* For an answer that is HTTP's alone, without a grpc-status (grpc/doc/http-grpc-status-mapping.md). */
enum grpc_code grpc_code_of_http(unsigned status);
/* For a problem with this HTTP status; slugs that say more than their status come first. slug may be NULL. */
enum grpc_code grpc_code_of_problem(unsigned status, const char *slug);
