# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: Lonja contributors

arithmetic_tests = test-expression test-operation
check_PROGRAMS += $(arithmetic_tests)
TESTS += $(arithmetic_tests)

test_expression_SOURCES = %D%/test-expression.c
test_expression_LDADD = $(arithmetic_LIBS) libbase.a $(CMOCKA_LIBS)

test_operation_SOURCES = %D%/test-operation.c
test_operation_LDADD = $(arithmetic_LIBS) libbase.a $(CMOCKA_LIBS)
