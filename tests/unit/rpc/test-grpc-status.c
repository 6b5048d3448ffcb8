/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* in this order */
#include <cmocka.h>

#include "contract/grpc_status.h"
#include "contract/problem.h"

static void test_names(void **state)
{
        assert_string_equal(grpc_code_name(GRPC_OK), "OK");
        assert_string_equal(grpc_code_name(GRPC_UNAUTHENTICATED), "UNAUTHENTICATED");
        assert_string_equal(grpc_code_name((enum grpc_code)99), "UNKNOWN");
}

/* Every status that REST answers with has its code; some slugs say more than their status. */
static void test_problems(void **state)
{
        assert_int_equal(grpc_code_of_problem(201, NULL), GRPC_OK);
        assert_int_equal(grpc_code_of_problem(400, "invalid-input"), GRPC_INVALID_ARGUMENT);
        assert_int_equal(grpc_code_of_problem(401, "invalid-token"), GRPC_UNAUTHENTICATED);
        assert_int_equal(grpc_code_of_problem(403, "insufficient-scope"), GRPC_PERMISSION_DENIED);
        assert_int_equal(grpc_code_of_problem(404, "not-found"), GRPC_NOT_FOUND);
        assert_int_equal(grpc_code_of_problem(409, "already-exists"), GRPC_ALREADY_EXISTS);
        assert_int_equal(grpc_code_of_problem(409, "secret-already-shown"), GRPC_ABORTED);
        assert_int_equal(grpc_code_of_problem(412, "precondition-failed"), GRPC_FAILED_PRECONDITION);
        assert_int_equal(grpc_code_of_problem(422, "idempotency-key-reused"), GRPC_FAILED_PRECONDITION);
        assert_int_equal(grpc_code_of_problem(422, "division-by-zero"), GRPC_INVALID_ARGUMENT);
        assert_int_equal(grpc_code_of_problem(429, "overloaded"), GRPC_RESOURCE_EXHAUSTED);
        assert_int_equal(grpc_code_of_problem(500, "internal"), GRPC_INTERNAL);
        assert_int_equal(grpc_code_of_problem(503, "unavailable"), GRPC_UNAVAILABLE);
        assert_int_equal(grpc_code_of_problem(503, "outcome-unknown"), GRPC_UNKNOWN);
        assert_int_equal(grpc_code_of_problem(503, "timeout"), GRPC_DEADLINE_EXCEEDED);
        assert_int_equal(grpc_code_of_problem(418, "teapot"), GRPC_INVALID_ARGUMENT);
        assert_int_equal(grpc_code_of_problem(599, NULL), GRPC_UNKNOWN);
}

/* Of an answer without a status of gRPC. */
static void test_http(void **state)
{
        assert_int_equal(grpc_code_of_http(400), GRPC_INTERNAL);
        assert_int_equal(grpc_code_of_http(401), GRPC_UNAUTHENTICATED);
        assert_int_equal(grpc_code_of_http(403), GRPC_PERMISSION_DENIED);
        assert_int_equal(grpc_code_of_http(404), GRPC_UNIMPLEMENTED);
        assert_int_equal(grpc_code_of_http(503), GRPC_UNAVAILABLE);
        assert_int_equal(grpc_code_of_http(200), GRPC_UNKNOWN);
        assert_int_equal(grpc_code_of_http(500), GRPC_UNKNOWN);
}

static void test_errors(void **state)
{
        const char *slug, *detail;

        assert_int_equal(problem_of_error(-ECONNRESET, &slug, &detail), 503);
        assert_string_equal(slug, "outcome-unknown");
        assert_non_null(detail);
        assert_int_equal(problem_of_error(-ENOMEM, &slug, &detail), 500);
        assert_string_equal(slug, "internal");
        assert_null(detail);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_names),
                cmocka_unit_test(test_problems),
                cmocka_unit_test(test_http),
                cmocka_unit_test(test_errors),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
