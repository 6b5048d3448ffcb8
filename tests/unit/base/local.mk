# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: Lonja contributors

base_tests = test-buf test-clock test-decimal test-fd test-header test-list test-map test-parse test-str test-thread \
	test-url
check_PROGRAMS += $(base_tests)
TESTS += $(base_tests)

test_buf_SOURCES = %D%/test-buf.c
test_buf_LDADD = libbase.a $(CMOCKA_LIBS)

test_clock_SOURCES = %D%/test-clock.c
test_clock_LDADD = libbase.a $(CMOCKA_LIBS)

test_decimal_SOURCES = %D%/test-decimal.c
test_decimal_LDADD = libbase.a $(CMOCKA_LIBS)

test_fd_SOURCES = %D%/test-fd.c
test_fd_LDADD = libbase.a $(CMOCKA_LIBS)

test_header_SOURCES = %D%/test-header.c
test_header_LDADD = libbase.a $(CMOCKA_LIBS)

test_list_SOURCES = %D%/test-list.c
test_list_LDADD = libbase.a $(CMOCKA_LIBS)

test_map_SOURCES = %D%/test-map.c
test_map_LDADD = libbase.a $(CMOCKA_LIBS)

test_parse_SOURCES = %D%/test-parse.c
test_parse_LDADD = libbase.a $(CMOCKA_LIBS)

test_str_SOURCES = %D%/test-str.c
test_str_LDADD = libbase.a $(CMOCKA_LIBS)

test_thread_SOURCES = %D%/test-thread.c
test_thread_LDADD = libbase.a $(CMOCKA_LIBS)

test_url_SOURCES = %D%/test-url.c
test_url_LDADD = libbase.a $(CMOCKA_LIBS)
