# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: Lonja contributors

service_tests = test-service
check_PROGRAMS += $(service_tests)
TESTS += $(service_tests)
service_test_libs = libservice.a libbase.a $(INIH_LIBS) $(SYSTEMD_LIBS) $(CMOCKA_LIBS)

test_service_SOURCES = %D%/test-service.c
test_service_LDADD = $(service_test_libs)
