# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: Lonja contributors

gateway_tests = test-gateway-schema
check_PROGRAMS += $(gateway_tests)
TESTS += $(gateway_tests)

test_gateway_schema_SOURCES = %D%/test-gateway-schema.c $(schema_test_sources)
test_gateway_schema_LDADD = $(lonja_gateway_LDADD) $(CMOCKA_LIBS)
