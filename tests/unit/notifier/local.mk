# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: Lonja contributors

notifier_tests = test-notifier-schema test-origin test-topics
check_PROGRAMS += $(notifier_tests)
TESTS += $(notifier_tests)

test_notifier_schema_SOURCES = %D%/test-notifier-schema.c $(schema_test_sources)
test_notifier_schema_LDADD = $(lonja_notifier_LDADD) $(CMOCKA_LIBS)

test_origin_SOURCES = %D%/test-origin.c
test_origin_LDADD = libnotifier.a libbase.a $(CMOCKA_LIBS)

test_topics_SOURCES = %D%/test-topics.c
test_topics_LDADD = libnotifier.a libbase.a $(CMOCKA_LIBS)
