# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: Lonja contributors

notifier_tests = test-notifier-schema
check_PROGRAMS += $(notifier_tests)
TESTS += $(notifier_tests)

test_notifier_schema_SOURCES = %D%/test-notifier-schema.c $(schema_test_sources)
test_notifier_schema_LDADD = $(lonja_notifier_LDADD) $(CMOCKA_LIBS)
