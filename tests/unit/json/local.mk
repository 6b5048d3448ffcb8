# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: Lonja contributors

json_tests = test-jread test-jwrite
check_PROGRAMS += $(json_tests)
TESTS += $(json_tests)

test_jread_SOURCES = %D%/test-jread.c
test_jread_LDADD = libjson.a libbase.a $(JANSSON_LIBS) $(CMOCKA_LIBS)

test_jwrite_SOURCES = %D%/test-jwrite.c
test_jwrite_LDADD = libjson.a libbase.a $(JANSSON_LIBS) $(CMOCKA_LIBS)
