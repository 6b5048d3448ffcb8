# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: Lonja contributors

notifier_tests = test-client test-feed test-notifier-schema test-origin test-topics
check_PROGRAMS += $(notifier_tests)
TESTS += $(notifier_tests)

fake_log_sources = %D%/fake-log.c %D%/fake-log.h
fake_log_libs = libnotifier.a libws.a libcontract.a libjson.a libservice.a libbase.a \
	$(WSLAY_LIBS) $(JANSSON_LIBS) $(INIH_LIBS) $(SYSTEMD_LIBS) $(CMOCKA_LIBS)

test_client_SOURCES = %D%/test-client.c $(fake_log_sources)
test_client_LDADD = $(fake_log_libs)

test_feed_SOURCES = %D%/test-feed.c $(fake_log_sources)
test_feed_LDADD = $(fake_log_libs)

test_notifier_schema_SOURCES = %D%/test-notifier-schema.c $(schema_test_sources)
test_notifier_schema_LDADD = $(lonja_notifier_LDADD) $(CMOCKA_LIBS)

test_origin_SOURCES = %D%/test-origin.c
test_origin_LDADD = libnotifier.a libbase.a $(CMOCKA_LIBS)

test_topics_SOURCES = %D%/test-topics.c
test_topics_LDADD = libnotifier.a libbase.a $(CMOCKA_LIBS)
