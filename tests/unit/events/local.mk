# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: Lonja contributors

events_tests = test-event-relay
check_PROGRAMS += $(events_tests)
TESTS += $(events_tests)

# Database and broker are the test's own: neither libpg.a nor libmq.a.
test_event_relay_SOURCES = %D%/test-event-relay.c
test_event_relay_LDADD = libevents.a libcontract.a libjson.a libservice.a libbase.a \
	$(JANSSON_LIBS) $(INIH_LIBS) $(SYSTEMD_LIBS) $(CMOCKA_LIBS)
