# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: Lonja contributors

contract_tests = test-bridge-frame test-event-message test-task-message test-task-result
check_PROGRAMS += $(contract_tests)
TESTS += $(contract_tests)

test_bridge_frame_SOURCES = %D%/test-bridge-frame.c
test_bridge_frame_LDADD = libcontract.a libjson.a libbase.a $(JANSSON_LIBS) $(CMOCKA_LIBS)

test_event_message_SOURCES = %D%/test-event-message.c
test_event_message_LDADD = libcontract.a libjson.a libbase.a $(JANSSON_LIBS) $(CMOCKA_LIBS)

test_task_message_SOURCES = %D%/test-task-message.c
test_task_message_LDADD = libcontract.a libjson.a libbase.a $(JANSSON_LIBS) $(CMOCKA_LIBS)

test_task_result_SOURCES = %D%/test-task-result.c
test_task_result_LDADD = libcontract.a libjson.a libbase.a $(JANSSON_LIBS) $(CMOCKA_LIBS)
