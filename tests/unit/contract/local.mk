# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: Lonja contributors

contract_tests = test-bridge-frame test-event-message
check_PROGRAMS += $(contract_tests)
TESTS += $(contract_tests)

test_bridge_frame_SOURCES = %D%/test-bridge-frame.c
test_bridge_frame_LDADD = libcontract.a libjson.a libbase.a $(JANSSON_LIBS) $(CMOCKA_LIBS)

test_event_message_SOURCES = %D%/test-event-message.c
test_event_message_LDADD = libcontract.a libjson.a libbase.a $(JANSSON_LIBS) $(CMOCKA_LIBS)
