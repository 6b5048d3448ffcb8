# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: Lonja contributors

gateway_tests = test-gateway-schema test-record-feed test-record-message
check_PROGRAMS += $(gateway_tests)
TESTS += $(gateway_tests)

test_gateway_schema_SOURCES = %D%/test-gateway-schema.c $(schema_test_sources)
test_gateway_schema_LDADD = $(lonja_gateway_LDADD) $(CMOCKA_LIBS)

test_record_feed_SOURCES = %D%/test-record-feed.c
test_record_feed_LDADD = libgateway.a libservice.a libbase.a $(INIH_LIBS) $(SYSTEMD_LIBS) $(CMOCKA_LIBS)

test_record_message_SOURCES = %D%/test-record-message.c
test_record_message_LDADD = libgateway.a libjson.a libbase.a $(JANSSON_LIBS) $(CMOCKA_LIBS)
