# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: Lonja contributors

ws_tests = test-ws-reader
check_PROGRAMS += $(ws_tests)
TESTS += $(ws_tests)

test_ws_reader_SOURCES = %D%/test-ws-reader.c
test_ws_reader_LDADD = libws.a libbase.a $(WSLAY_LIBS) $(CMOCKA_LIBS)
